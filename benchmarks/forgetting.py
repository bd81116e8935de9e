"""Measure what CLIP forgets of other classes, and what keeps it.

    python benchmarks/forgetting.py RUN ... --also-check FOLDER

Of every run: accuracy on its test images, and zero-shot accuracy on an
unrelated folder (one sub-folder per class), with shares 0 to 1 of the trained
weights (``tools/model_converters/export.py --interpolate``). Writes
benchmarks/forgetting.md.
"""

import argparse
from copy import deepcopy
from pathlib import Path

from mmlatte.apis.export.interpolate import interpolate
from mmlatte.apis.inference.image_dataset import test_pipeline
from mmlatte.apis.inference.load_classifier import (
    frozen_config,
    load_classifier,
    load_run_config,
)
from mmlatte.apis.inference.measure import (
    labelled_folder,
    top1,
    zero_shot_top1,
)
from mmlatte.datasets.wrappers import with_pipeline
from mmlatte.models.clip import untuned
from mmlatte.registry import DATASETS

HERE = Path(__file__).parent
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)


def measure(run: str, unrelated, step: int) -> list[tuple[float, float]]:
    """Return both accuracies for every share."""
    config, _ = load_run_config(run)
    trained = load_classifier(run, device='cpu')
    trained.clip = untuned(trained.clip)
    start = load_classifier(frozen_config(config), device='cpu')
    start.clip = untuned(start.clip)
    loader = config.get('test_dataloader') or config.val_dataloader
    test = DATASETS.build(with_pipeline(loader.dataset, []))
    test = test.get_subset(range(0, len(test), step))
    rows = []
    for share in SHARES:
        model = deepcopy(trained)
        interpolate(model, start, share)
        rows.append(
            (
                top1(model, test, test_pipeline(config)),
                zero_shot_top1(model, unrelated, config),
            )
        )
        print(run, share, rows[-1], flush=True)
    return rows


def main() -> None:
    """Measure the runs and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('runs', nargs='+')
    parser.add_argument('--also-check', required=True)
    parser.add_argument(
        '--every', type=int, default=1, help='take every n-th test image'
    )
    args = parser.parse_args()
    unrelated = labelled_folder(args.also_check)
    name = Path(args.also_check).name
    lines = [
        '# What is forgotten of other classes',
        '',
        'Made by `benchmarks/forgetting.py`: after training, with `a` of the '
        'trained weights and prototypes and the rest of the CLIP that they '
        "started from; top-1 in percent on the run's test images and, by "
        f'names alone, on {len(unrelated)} images of {name} '
        f'({len(unrelated.metainfo["classes"])} classes).',
        '',
        '| run | | ' + ' | '.join(f'a = {a:g}' for a in SHARES) + ' |',
        '|---|---|' + '---:|' * len(SHARES),
    ]
    for run in args.runs:
        rows = measure(run, unrelated, args.every)
        for column, what in enumerate(('its test images', name)):
            cells = ' | '.join(f'{row[column]:.1f}' for row in rows)
            lines.append(f'| {Path(run).name} | {what} | {cells} |')
    (HERE / 'forgetting.md').write_text('\n'.join([*lines, '']))


if __name__ == '__main__':
    main()
