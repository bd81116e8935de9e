"""What a sample costs in memory, from the index to a training step."""

import argparse
import sys
import tracemalloc
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'benchmarks'


@pytest.fixture
def scale(monkeypatch):
    """The benchmark's modules."""
    monkeypatch.syspath_prepend(TOOLS)
    import scale
    import scale_parts

    yield scale, scale_parts
    for name in ('scale', 'scale_parts'):
        sys.modules.pop(name)
    scale_parts.DATASETS.module_dict.pop('SimulatedImages')
    scale_parts.TRANSFORMS.module_dict.pop('SimulatedPixels')


def test_bytes_of_a_sample(scale, tmp_path):
    tool, parts = scale
    args = argparse.Namespace(samples=200_000, classes=1000, batch=8, steps=1)
    parts.prepare(args, tmp_path)
    runner = parts.build_runner(args, tmp_path)
    tracemalloc.start(1)
    try:
        tool.start(runner)
    finally:
        tracemalloc.stop()
    table = tool.TABLE
    assert next(iter(table)) == 'index of the data set'
    held = [row['held_bytes'] / args.samples for row in table.values()]
    most = [row['most_bytes'] / args.samples for row in table.values()]
    # The name and 12 bytes; labels, scores, two texts and their classes.
    # Modules that are imported meanwhile count, too.
    assert 27 + 12 <= held[0] < 60, table
    assert max(held) < 150, table
    assert max(most) < 400, table
    parts.train(runner, args.steps, tool.Stage)
