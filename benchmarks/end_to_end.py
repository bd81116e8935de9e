"""What whole commands cost, beside a bare open_clip loop over their images.

    MMLATTE_TEST_ASSETS=assets python benchmarks/end_to_end.py --out table.md

Every command is a process of its own, imports included, and so is the loop,
which decodes and encodes every image once and does nothing else. CPU seconds
are those of a process and its workers. One thread, EuroSAT, the small CLIP.
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

REPO = Path(__file__).resolve().parents[1]
BATCH = 64
RESULTS = ('run', 'config.py', 'images.npz', 'report.html', 'predictions.csv')
OTHER_CLASSES = 'field, trees, water, houses, street'


@dataclass
class Cost:
    """What a command took.

    Args:
        cpu (float): Seconds of the process and its workers.
        wall (float): Seconds until it ended.
        memory (float): Peak of the largest process, MB.
    """

    cpu: float
    wall: float
    memory: float


def measure(command: Sequence[str], log: Path) -> Cost:
    """Run a command and wait for it.

    Raises:
        RuntimeError: If it fails.
    """
    one = dict.fromkeys(('OMP_NUM_THREADS', 'MKL_NUM_THREADS'), '1')
    begin = time.monotonic()
    with log.open('a') as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            stdout=file,
            stderr=file,
            env={'PYTHONPATH': str(REPO), **os.environ, **one},
        )
        _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f'{" ".join(command)} failed, see {log}')
    return Cost(
        used.ru_utime + used.ru_stime,
        time.monotonic() - begin,
        used.ru_maxrss / 1024,
    )


def bare_loop(folders: Sequence[str], model: str) -> None:
    """Decode and encode every image once, with open_clip alone."""
    import open_clip
    import torch
    from PIL import Image

    clip, _, prepare = open_clip.create_model_and_transforms(model)
    clip.eval()
    paths = [
        p for folder in folders for p in sorted(Path(folder).rglob('*.jpg'))
    ]
    with torch.no_grad():
        for start in range(0, len(paths), BATCH):
            images = [
                prepare(Image.open(path).convert('RGB'))
                for path in paths[start : start + BATCH]
            ]
            clip.encode_image(torch.stack(images), normalize=True)


def write_images(
    assets: Path, folder: Path, count: int, *, labelled: bool = False
) -> list[str]:
    """Write some images of EuroSAT; return the class names.

    Those with a folder for every class are others than those without.
    """
    split = json.loads((assets / 'data/split_zhou_EuroSAT.json').read_text())
    images = split['val' if labelled else 'train']
    images += [] if labelled else split['test']
    chosen = random.Random(0).sample(images, count)
    folder.mkdir()
    with zipfile.ZipFile(assets / 'data/EuroSAT.zip') as archive:
        for path, _, kind in chosen:
            own = folder / kind if labelled else folder
            own.mkdir(exist_ok=True)
            name = own / Path(path).name
            name.write_bytes(archive.read(f'2750/{path}'))
    return sorted({name for _, _, name in split['train']})


def jobs(
    folder: Path, classes: list[str], model: str
) -> dict[str, tuple[list[str], str]]:
    """Return name -> command, and the loop that it is compared with."""
    out = str(folder / 'out')
    small, large, test = (str(folder / n) for n in ('small', 'large', 'test'))
    tested = [f'--test={test}'] if Path(test).is_dir() else []
    adapt = [
        str(REPO / 'tools/adapt.py'),
        small,
        *tested,
        '--method=latteplus',
        '--device=cpu',
        '--describe=satellite photo',
        f'--clip={model}',
        f'--out={out}',
    ]
    loop = [__file__, '--bare', model, '--folders']
    return {
        'bare': ([*loop, small, *([test] if tested else [])], 'bare'),
        'adapt': ([*adapt, '--classes', ', '.join(classes)], 'bare'),
        'adapt again, other classes': (
            # The test images show the classes of before.
            [
                *(word for word in adapt if word not in tested),
                '--classes',
                OTHER_CLASSES,
            ],
            'bare',
        ),
        'bare, images to predict': (
            [*loop, large],
            'bare, images to predict',
        ),
        'predict': (
            [
                str(REPO / 'tools/predict.py'),
                f'{out}/run',
                large,
                '--device=cpu',
                f'--out={folder}/predicted.csv',
            ],
            'bare, images to predict',
        ),
    }


def run(args: argparse.Namespace) -> dict[str, list[Cost]]:
    """Run all commands, several rounds of them in turn."""
    assets = Path(os.environ['MMLATTE_TEST_ASSETS']).absolute()
    model = f'local-dir:{assets}/models/rs-clip'
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        classes = write_images(assets, folder / 'small', args.images)
        if args.predicted:
            write_images(assets, folder / 'large', args.predicted)
        if args.test:
            write_images(assets, folder / 'test', args.test, labelled=True)
        for _ in range(args.rounds):
            shutil.rmtree(folder / 'out', ignore_errors=True)
            for name, (command, base) in jobs(folder, classes, model).items():
                if not args.predicted and base != 'bare':
                    continue
                if name.startswith('adapt again'):
                    _leave_the_cache(folder / 'out')
                cost = measure(command, args.log)
                print(f'{name}: {cost}', flush=True)
                costs.setdefault(name, []).append(cost)
    return costs


def _leave_the_cache(out: Path) -> None:
    for name in RESULTS:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    shutil.rmtree(out / 'exported')


def table(costs: dict[str, list[Cost]], args: argparse.Namespace) -> str:
    """Return the table, Markdown."""
    lines = [
        '# What whole commands cost',
        '',
        'Generated by `python benchmarks/end_to_end.py`: '
        f'{args.images} images of EuroSAT to adapt to, {args.test} to test '
        f'on, {args.predicted} to predict, the small CLIP, one thread; '
        f'medians of {args.rounds} '
        'rounds. CPU seconds of a process with its workers, imports '
        'included; ratios are to the bare open_clip loop over the same '
        'images.',
        '',
        '| command | CPU s | times the loop | wall s | peak MB | times |',
        '|---|---|---|---|---|---|',
    ]
    bases = {name: base for name, (_, base) in jobs(Path('/'), [], '').items()}
    for name, found in costs.items():
        base = costs[bases[name]]
        cpu, memory = (
            median(
                getattr(a, what) / getattr(b, what)
                for a, b in zip(found, base, strict=True)
            )
            for what in ('cpu', 'memory')
        )
        lines.append(
            f'| {name} | {median(c.cpu for c in found):.1f} | {cpu:.2f} | '
            f'{median(c.wall for c in found):.0f} | '
            f'{median(c.memory for c in found):.0f} | {memory:.2f} |'
        )
    return '\n'.join(lines) + '\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--images', type=int, default=1500)
    parser.add_argument('--test', type=int, default=0)
    parser.add_argument('--predicted', type=int, default=2000)
    parser.add_argument('--rounds', type=int, default=1)
    parser.add_argument('--log', type=Path, default=Path('end_to_end.log'))
    parser.add_argument('--out', type=Path, help='file of the table')
    parser.add_argument('--bare', metavar='MODEL', help=argparse.SUPPRESS)
    parser.add_argument('--folders', nargs='+', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        bare_loop(args.folders, args.bare)
        return
    found = table(run(args), args)
    print(found)
    if args.out:
        args.out.write_text(found)


if __name__ == '__main__':
    main()
