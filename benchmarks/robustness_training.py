r"""Accuracy of a method that trains on awkward folders.

As ``robustness.py``, of which it takes the parts, but every part is a whole
run of ``tools/train.py`` on a folder of links to its images. Runs are those
of ``tools/compare.py``: interrupted ones go on, finished ones are reused.
``train_dataloader.dataset.indices=N`` and the same of ``val_dataloader`` take
the first N images.

    for part in eurosat ucmerced; do python tools/print_config.py \
        configs/methods/latteplus_tuned.py \
        --data benchmarks/configs/data/$part.py \
        --clip benchmarks/configs/clips/rsclip.py > $part.py; done
    python benchmarks/robustness_training.py eurosat.py \
        --parts absent outliers --outliers ucmerced.py --seeds 0 1 2
"""

import argparse
import hashlib
import os
import sys
from pathlib import Path

import numpy as np
from mmengine.config import Config, DictAction

sys.path.insert(0, str(Path(__file__).parent))
from robustness_parts import DRAWN, Part, draw_parts

from mmlatte.apis.pages.comparison import compare
from mmlatte.apis.pages.comparison_entries import Entry, make_entries
from mmlatte.registry import DATASETS
from mmlatte.visualization.comparison import MethodResult


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('config', metavar='CONFIG')
    parser.add_argument('--outliers', metavar='CONFIG', help='other images')
    parser.add_argument(
        '--parts',
        nargs='+',
        default=[*DRAWN],
        choices=['all', *DRAWN, 'one class'],
    )
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument('--out', default='work_dirs/robustness_training')
    parser.add_argument('--jobs', type=int, default=1)
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE'
    )
    return parser.parse_args()


class Images:
    """Paths and labels of a data set of a config."""

    def __init__(self, dataset: dict) -> None:
        built = DATASETS.build({**dataset, 'pipeline': []})
        infos = [built.get_data_info(i) for i in range(len(built))]
        self.paths = [info['img_path'] for info in infos]
        self.labels = np.array([info['gt_label'] for info in infos])
        self.classes = built.metainfo['classes']


def part_config(
    config: Config, part: Part, paths: list[str], names: list, folder: Path
) -> Config:
    """Return the config of a run on a part.

    Args:
        config (Config): Of a run on everything.
        part (Part): What to test on.
        paths (list[str]): The images to train on.
        names (list): The class names.
        folder (Path): A folder of links to the images will lie in it.
    """
    # Run and feature cache must not be taken for those of other images.
    digest = hashlib.sha256('\n'.join(paths).encode()).hexdigest()[:12]
    folder = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(paths):
        link = folder / f'{digest}_{number:06d}{Path(path).suffix}'
        if not link.is_symlink():
            os.symlink(os.path.abspath(path), link)
    config = Config(config.to_dict())
    config.train_dataloader.dataset = dict(
        type='mmlatte.UnlabeledFolder',
        data_root=str(folder),
        classes=list(names),
        pipeline=config.train_dataloader.dataset.pipeline,
    )
    config.val_dataloader.dataset.indices = np.flatnonzero(
        part.tested
    ).tolist()
    return config


def draw(args: argparse.Namespace) -> list[tuple[str, int, Entry]]:
    """Return name and seed of every part, and its run."""
    paths = [args.config, *([args.outliers] if args.outliers else [])]
    entry, *others = make_entries(paths, options=args.cfg_options)
    train = Images(entry.config.train_dataloader.dataset)
    test = Images(entry.config.val_dataloader.dataset)
    outliers = [Images(e.config.train_dataloader.dataset) for e in others]
    extra = outliers[0].paths if outliers else []
    drawn = []
    for seed in dict.fromkeys(args.seeds):
        parts = draw_parts(
            train.labels,
            test.labels,
            len(train.classes),
            len(extra) if outliers else None,
            seed,
        )
        for number, part in enumerate(parts):
            if part.name not in args.parts:
                continue
            name = f'{part.name} {seed} {number}'.replace(' ', '_')
            images = [train.paths[i] for i in part.images]
            images += [extra[i] for i in part.outliers]
            folder = Path(args.out).resolve() / 'images' / entry.name / name
            config = part_config(
                entry.config, part, images, train.classes, folder
            )
            drawn.append((part.name, seed, Entry(name, config)))
    return drawn


def table(drawn: list[tuple[str, int, Entry]], results: list[MethodResult]):
    """Return the Markdown table of all parts that ran."""
    rows: dict[str, list] = {}
    for (name, seed, _), result in zip(drawn, results, strict=True):
        before, after = result.mean('zero_shot_top1'), result.mean('top1')
        if before is not None and after is not None:
            rows.setdefault(name, []).append((seed, before, after))
    lines = [
        '| images | seeds | zero-shot | adapted | gain | gain of each |',
        '| --- | --- | --- | --- | --- | --- |',
    ]
    for name, runs in rows.items():
        seeds, before, after = zip(*runs, strict=True)
        gains = np.subtract(after, before)
        lines.append(
            f'| {name} | {", ".join(map(str, dict.fromkeys(seeds)))} '
            f'| {np.mean(before):.1f} | {np.mean(after):.1f} '
            f'| {gains.mean():+.1f} '
            f'| {", ".join(f"{gain:+.1f}" for gain in gains)} |'
        )
    return '\n'.join(lines)


def main() -> None:
    args = parse_args()
    drawn = draw(args)
    tools = Path(__file__).resolve().parents[1] / 'tools'
    # The seed of the run itself: parts differ, runs do not.
    results = compare(
        [entry for _, _, entry in drawn], [0], args.out, tools, args.jobs
    )
    text = (
        f'## {Path(args.config).stem}\n\n{table(drawn, results)}\n\n'
        'Top-1 in percent on test images of the same classes, one run each. '
        'Generated by `benchmarks/robustness_training.py`.\n'
    )
    print(text)
    Path(args.out, 'robustness.md').write_text(text, encoding='utf-8')
    if any(run.error for result in results for run in result.runs):
        sys.exit(1)


if __name__ == '__main__':
    main()
