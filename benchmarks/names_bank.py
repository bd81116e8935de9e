"""Measure names chosen without labels on sets of the feature bank.

    MMLATTE_TEST_ASSETS=... python benchmarks/names_bank.py

Further names of classes stand in benchmarks/data/names.json; they were
written down from class names alone. Writes benchmarks/names_bank.md.
"""

import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from latteplus_bank import HALVES, load

from mmlatte.demo import build_demo_clip
from mmlatte.fits import fit_latteplus
from mmlatte.fits.naming.name_choice import MEAN, choose_names
from mmlatte.models.clip import OpenCLIP

HERE = Path(__file__).parent
COLUMNS = ('its first name', 'mean of all', 'chosen')


@torch.no_grad()
def measure(
    bank: Path, clip: OpenCLIP, name: str, names: dict
) -> tuple[list[float], list[str]]:
    """Return accuracies of zero-shot and LattePlus, and what was chosen."""
    frozen, truth = load(bank, name)
    path = bank / f'{name}.npz'
    with np.load(path if path.exists() else bank / f'{name}_demo.npz') as file:
        classes, template = file['classes'].tolist(), str(file['template_own'])
    every = [[c, *names.get(c, ())] for c in classes]
    parts = [
        clip.encode_texts([template.format(one) for one in own])
        for own in every
    ]
    means = [torch.nn.functional.normalize(p.mean(0), dim=0) for p in parts]
    found = choose_names(frozen, parts)
    chosen = [
        means[c] if which == MEAN else parts[c][which]
        for c, which in enumerate(found.names)
    ]
    accuracies = []
    for texts in ([p[0] for p in parts], means, chosen):
        rows = torch.stack(texts).numpy()
        labels = (frozen.features @ rows.T).argmax(axis=1)
        fit = fit_latteplus(
            replace(frozen, labels=labels, class_features=rows)
        )
        accuracies += [
            100 * (labels == truth).mean(),
            100 * (fit.labels.numpy() == truth).mean(),
        ]
    return accuracies, [
        every[c][which] for c, which in enumerate(found.names) if which != MEAN
    ]


def main() -> None:
    """Measure all sets that have further names, and write the table."""
    assets = Path(os.environ['MMLATTE_TEST_ASSETS'])
    demo = Path('data/demo/clip')
    if not demo.exists():
        build_demo_clip(demo)
    clips = {
        'rs': OpenCLIP(f'local-dir:{assets}/models/rs-clip').eval(),
        'demo': OpenCLIP(f'local-dir:{demo}').eval(),
    }
    names = json.loads((HERE / 'data/names.json').read_text())
    lines = [
        '# Names chosen without labels',
        '',
        'Made by `benchmarks/names_bank.py`: top-1 in percent, zero-shot / '
        'LattePlus, where a class is its first name, the mean of all its '
        'names, or what `choose_names` takes. Names: '
        '`benchmarks/data/names.json`. Constants were chosen on the first '
        'half.',
        '',
    ]
    for half, sets in HALVES.items():
        lines += [
            f'## {half}',
            '',
            '| set | ' + ' | '.join(COLUMNS) + ' | names taken |',
            '|---|---|---|---|---|',
        ]
        rows = []
        for name in sets:
            if name not in names:
                continue
            clip = clips['rs' if name.endswith('_rs') else 'demo']
            row, taken = measure(assets / 'features', clip, name, names[name])
            rows.append(row)
            lines.append(f'| {name} | {_cells(row)} | {", ".join(taken)} |')
            print(lines[-1], flush=True)
        mean = np.mean(rows, axis=0).tolist()
        lines += [f'| **mean** | {_cells(mean)} | |', '']
    (HERE / 'names_bank.md').write_text('\n'.join(lines))


def _cells(values: list[float]) -> str:
    pairs = zip(values[::2], values[1::2], strict=True)
    return ' | '.join(f'{zero:.1f} / {fit:.1f}' for zero, fit in pairs)


if __name__ == '__main__':
    main()
