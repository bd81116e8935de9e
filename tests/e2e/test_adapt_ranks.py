"""``adapt`` on two processes (CPU, gloo) does what one does."""

import csv
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.multiprocessing as mp
from mmengine.config import Config
from PIL import Image

from mmlatte.apis import adapt

pytestmark = pytest.mark.stack

REPO = Path(__file__).resolve().parents[2]
COLOURS = dict(forest=(20, 90, 30), road=(120, 120, 120), sea=(20, 40, 150))


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope='module')
def choices(tiny_clip_dir, tmp_path_factory) -> dict:
    """72 images of three colours, enough for a fit; texts of an LMM."""
    folder = tmp_path_factory.mktemp('own')
    rng = np.random.default_rng(0)
    lines = []
    (folder / 'images').mkdir()
    for name, colour in COLOURS.items():
        for number in range(24):
            pixels = np.array(colour) + rng.integers(-20, 20, (32, 32, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(folder / 'images' / f'{name}_{number}.png')
            for kind in ('image', 'group'):
                sample = f'{name}_{number}.png'
                text = f'{kind} {number}'
                lines.append(dict(sample_id=sample, kind=kind, text=text))
    texts = folder / 'texts.jsonl'
    texts.write_text('\n'.join(map(json.dumps, lines)))
    return dict(
        images=str(folder / 'images'),
        classes=[*COLOURS],
        clip=f'local-dir:{tiny_clip_dir}',
        lmm=str(texts),
        device='cpu',
        workers=0,
        export=(),
    )


def one_of(rank: int, ranks: int, port: str, choices: dict) -> None:
    """One process of a launch; forked, so that imports cost nothing."""
    torch.set_num_threads(1)
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(ranks),
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=port,
    )
    result = adapt(launcher='pytorch', **choices)
    # The others know of nothing but the end.
    assert (result.report is not None) == (rank == 0 and 'ask' not in choices)


def on_two(choices: dict) -> Path:
    """Adapt on two processes; return the folder of results."""
    mp.start_processes(
        one_of, (2, free_port(), choices), nprocs=2, start_method='fork'
    )
    return Path(choices['out'])


def on_one(choices: dict) -> Path:
    """Adapt in a process of its own, as the others are."""
    mp.start_processes(
        one_of, (1, free_port(), choices), nprocs=1, start_method='fork'
    )
    return Path(choices['out'])


def state(out: Path) -> dict[str, torch.Tensor]:
    path = max((out / 'run').glob('epoch_*.pth'))
    return torch.load(path, weights_only=True)['state_dict']


def classes(out: Path) -> list[str]:
    with (out / 'predictions.csv').open() as file:
        return [row['class'] for row in csv.DictReader(file)]


def test_a_fit_has_the_bits_of_one_rank(choices, tmp_path):
    table = tmp_path / 'answers.csv'
    rows = [f'{n}_{i}.png,{n}' for n in COLOURS for i in range(5)]
    table.write_text('\n'.join(['image,class', *rows]))
    fit = {**choices, 'answers': [str(table)], 'lmm': None}
    one = on_one({**fit, 'out': str(tmp_path / 'one')})
    two = on_two({**fit, 'out': str(tmp_path / 'two')})
    expected = state(one)
    summary = json.loads((two / 'run' / 'summary.json').read_text())
    assert summary['trained_parameters'] and summary['answers']
    for key, value in state(two).items():
        assert torch.equal(value, expected[key]), key
    predictions = (two / 'predictions.csv').read_bytes()
    assert predictions == (one / 'predictions.csv').read_bytes()


def test_training_takes_the_steps_of_one_rank(choices, tmp_path):
    trained = {**choices, 'epochs': 2, 'batch_size': 24, 'lr': 1e-3}
    one = on_one({**trained, 'out': str(tmp_path / 'one')})
    two = on_two({**trained, 'out': str(tmp_path / 'two')})
    expected = state(one)
    for key, value in state(two).items():
        # Sums of two halves; keys' biases have no gradient but rounding.
        if value.is_floating_point() and not key.endswith('in_proj_bias'):
            torch.testing.assert_close(
                value, expected[key], rtol=0, atol=1e-4, msg=key
            )
    assert classes(two) == classes(one)
    summaries = [
        json.loads((out / 'run' / 'summary.json').read_text())
        for out in (one, two)
    ]
    assert summaries[0]['texts'] == summaries[1]['texts']
    # The folder can be gone on with by one rank.
    assert (two / 'config.py').read_text().replace('two', 'one') == (
        one / 'config.py'
    ).read_text()
    (log,) = (two / 'run').glob('*/vis_data/config.py')
    assert Config.fromfile(str(log)).train_dataloader.batch_size == 12


def test_rank_0_asks_about_the_images_of_one(choices, tmp_path):
    asked = {**choices, 'method': 'answers', 'lmm': None, 'ask': 6}
    one = on_one({**asked, 'out': str(tmp_path / 'one')})
    two = on_two({**asked, 'out': str(tmp_path / 'two')})
    questions = (two / 'questions.csv').read_bytes()
    assert questions == (one / 'questions.csv').read_bytes()


def torchrun(*arguments) -> subprocess.CompletedProcess:
    return subprocess.run(
        [
            sys.executable,
            *('-m', 'torch.distributed.run', '--nproc-per-node', '2'),
            *('--master-port', free_port(), 'tools/adapt.py'),
            *arguments,
        ],
        cwd=REPO,
        env={**os.environ, 'PYTHONPATH': str(REPO), 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )


def test_torchrun_needs_no_option(choices, tmp_path):
    images = choices['images']
    named = ('--classes', 'forest,road,sea', '--clip', choices['clip'])
    options = (*named, '--method', 'latteplus', '--workers', '0')
    out = ('--out', str(tmp_path / 'out'), '--export')
    done = torchrun(images, *options, *out)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.count('results in') == 1
    assert '2 processes share the work' in done.stdout
    assert len(classes(tmp_path / 'out')) == 72

    done = torchrun(str(tmp_path / 'nowhere'), *options, *out)
    assert done.returncode != 0
    said = done.stdout + done.stderr
    # torchrun adds a report of its own, without the message.
    assert said.count("Image folder '") == 1
