"""What a data set of millions of images costs before and during training.

Starts a LatteCLIP run the way ``tools/train.py`` does, stage by stage, with an
index of files that do not exist: every hook, the text store and the loop are
the real ones, pixels are made up. The run is one that was started before:
features (a sparse file), zero-shot labels and all texts are there. The towers
are tiny and random: ``train_step.py`` measures the cost of towers.

    python benchmarks/scale.py --samples 10_000_000 --classes 10_000
"""

import argparse
import json
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

#: Measured: name of the stage -> figures.
TABLE: dict[str, dict] = {}
WIDTH = 64
TINY = {
    'embed_dim': WIDTH,
    'vision_cfg': {
        'image_size': 32,
        'layers': 1,
        'width': 64,
        'head_width': 32,
        'patch_size': 16,
    },
    'text_cfg': {
        'context_length': 77,
        'vocab_size': 49408,
        'width': 64,
        'heads': 2,
        'layers': 1,
    },
}
PROMPTS = ('Describe it.', 'Describe them.')


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--samples', type=int, default=1_000_000)
    parser.add_argument('--classes', type=int, default=1000)
    parser.add_argument('--batch', type=int, default=32)
    parser.add_argument(
        '--steps',
        type=int,
        default=10,
        help='steps of training to time (default: %(default)s)',
    )
    parser.add_argument(
        '--folder', help='where files are made; a temporary one by default'
    )
    parser.add_argument('--json', help='write the figures to this file')
    return parser.parse_args()


class Stage:
    """Measures a part of the start."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.began = time.monotonic(), time.process_time()

    def __exit__(self, *error) -> None:
        record(self.name, *self.began)


def record(name: str, wall: float, cpu: float) -> None:
    resident, peak = memory()
    TABLE[name] = dict(
        seconds=time.monotonic() - wall,
        cpu_seconds=time.process_time() - cpu,
        resident_mb=resident,
        peak_mb=peak,
    )
    if tracemalloc.is_tracing():  # for the test: bytes that do not vary
        held, most = tracemalloc.get_traced_memory()
        TABLE[name].update(held_bytes=held, most_bytes=most)
        tracemalloc.reset_peak()
    row = TABLE[name]
    print(
        f'| {name:<42} | {row["seconds"]:7.2f} | {row["cpu_seconds"]:7.2f} '
        f'| {resident:8.0f} | {peak:8.0f} |',
        flush=True,
    )


def memory() -> tuple[float, float]:
    """Resident memory of this process and the most of it so far, MB."""
    status = Path('/proc/self/status').read_text().split('\n')
    values = dict(line.split(':', 1) for line in status if ':' in line)
    return tuple(
        int(values[key].split()[0]) * 1024 / 1e6 for key in ('VmRSS', 'VmHWM')
    )


def names(count: int) -> Iterator[str]:
    return (f'part{i % 1000:04d}/image_{i:08d}.jpg' for i in range(count))


def main() -> None:
    args = parse_args()
    print(f'{args.samples:,} samples, {args.classes:,} classes\n')
    print('| stage | seconds | CPU seconds | resident MB | peak MB |')
    print('|---|---|---|---|---|')
    if args.folder is None:
        with tempfile.TemporaryDirectory() as folder:
            measure(args, Path(folder))
    else:
        measure(args, Path(args.folder))
    if args.json:
        Path(args.json).write_text(json.dumps(TABLE, indent=2))


def measure(args: argparse.Namespace, folder: Path) -> None:
    with Stage('import'):
        import scale_parts as parts
    if not (folder / 'ready').exists():
        began = time.monotonic(), time.process_time()
        # Another process, so that its memory is not counted here.
        parts.in_child(parts.prepare, args, folder)
        (folder / 'ready').touch()
        record('(made what an earlier run leaves)', *began)
    began = time.monotonic(), time.process_time()
    with Stage('model'):
        runner = parts.build_runner(args, folder)
    start(runner)
    record('all of it, without import', *began)
    parts.train(runner, args.steps, Stage)


def start(runner) -> None:
    """Do what a run does up to its first batch."""
    import scale_parts as parts

    labels, texts = parts.hooks_of(runner)
    with Stage('index of the data set'):
        runner._train_loop = runner.build_train_loop(runner._train_loop)
    with Stage('frozen features, zero-shot labels'):
        labels.before_run(runner)
    with Stage('prototypes'):
        runner._init_model_weights()
    with Stage('texts'):
        texts.before_run(runner)
        texts.before_train(runner)
    with Stage('order of the epoch, first batch requested'):
        loader = runner.train_loop.dataloader
        next(iter(loader.batch_sampler))


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).parent))
    main()
