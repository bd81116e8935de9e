"""Measure how well images of none of the classes are told.

    MMLATTE_TEST_ASSETS=assets python benchmarks/none_bank.py

writes ``benchmarks/none_bank.md``. A quarter of the classes of every set of
the feature bank leave the list, but not the images; answers about images of
theirs are "none of these".
"""

from pathlib import Path

import numpy as np
from answers_bank import CHOOSE, JUDGE, BankSet
from sklearn.metrics import roc_auc_score

from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import (
    GivenAnswers,
    ImageStructure,
    choose,
    fit_answered,
)

TIMES, SEEDS, MAX_IMAGES = (2, 5), 2, 4000
BINS = 10
HERE = Path(__file__).parent
HEAD = """# Images of none of the classes, on the feature bank

Made by `python benchmarks/none_bank.py`. A quarter of the classes leave the
list, their images stay; 2 or 5 questions per class that is left. Measured on
images that were not asked about, means of two draws of the classes: how well
the probability orders images (AUROC), how far it is from the true share (ECE,
ten bins), its squared error (Brier) beside that of the posterior as the fit
gives it, and of the true share for all images. Last, the accuracy on all
images, without and with `--none-below 0.5`. A draw with fewer than two answers
"none of these" has no probability, and is left out. Constants were chosen on
the choose half.

"""
COLUMNS = (
    'set',
    'answers',
    'none of these',
    'AUROC',
    'ECE',
    'Brier',
    'posterior',
    'share',
    'accuracy',
    'with 0.5',
)


def measure(bank: BankSet, times: int, seed: int) -> list[float] | None:
    """Return the numbers of a row, or None without a probability."""
    random = np.random.default_rng(seed)
    count = bank.frozen.classes
    gone = max(1, min(count - 2, round(count / 4)))
    kept = np.setdiff1d(
        np.arange(count), random.choice(count, gone, replace=False)
    )
    number = np.full(count, -1)
    number[kept] = np.arange(len(kept))
    size = min(MAX_IMAGES, len(bank.frozen))
    part = np.sort(random.choice(len(bank.frozen), size, replace=False))
    truth = number[bank.truth[part]]
    features = bank.frozen.features[part]
    texts = bank.frozen.class_features[kept]
    cosines = features @ texts.T
    frozen = FrozenFeatures(
        features,
        cosines.argmax(axis=1),
        cosines.max(axis=1),
        texts,
        scale=bank.frozen.scale,
    )
    structure = ImageStructure.of(frozen)
    rows = choose(frozen, times * len(kept), structure=structure).rows
    frozen.answers = GivenAnswers(rows, truth[rows])
    fit = fit_answered(frozen, structure=structure)
    if fit.none is None:
        return None
    none = fit.none.probabilities(frozen.rows()).numpy()
    posterior = fit.found.none_probability(frozen)
    labels = fit.classifier.labels(frozen).numpy()
    labels[rows] = truth[rows]
    told = np.where(none > 0.5, -1, labels)
    told[rows] = truth[rows]
    rest = np.setdiff1d(np.arange(size), rows)
    outside = truth[rest] < 0
    return [
        len(rows),
        (truth[rows] < 0).sum(),
        100 * roc_auc_score(outside, none[rest]),
        100 * _ece(none[rest], outside),
        100 * np.square(none[rest] - outside).mean(),
        100 * np.square(posterior[rest] - outside).mean(),
        100 * outside.var(),
        100 * (labels == truth).mean(),
        100 * (told == truth).mean(),
    ]


def _ece(probability: np.ndarray, true: np.ndarray) -> float:
    bins = np.minimum((BINS * probability).astype(int), BINS - 1)
    return sum(
        (bins == b).mean()
        * abs(probability[bins == b].mean() - true[bins == b].mean())
        for b in np.unique(bins)
    )


def _line(name: str, numbers: np.ndarray) -> str:
    cells = [f'{value:.0f}' for value in numbers[:2]]
    cells += [f'{value:.1f}' for value in numbers[2:]]
    return '| ' + ' | '.join([name, *cells]) + ' |\n'


def main() -> None:
    text = HEAD + '| ' + ' | '.join(COLUMNS) + ' |\n'
    text += '|---' * len(COLUMNS) + '|\n'
    for half, names in (('choose', CHOOSE), ('judge', JUDGE)):
        rows: dict[int, list] = {times: [] for times in TIMES}
        for name in names:
            bank = BankSet(name)
            for times in TIMES:
                found = [measure(bank, times, seed) for seed in range(SEEDS)]
                found = [row for row in found if row is not None]
                if found:
                    mean = np.mean(found, axis=0)
                    rows[times].append(mean)
                    text += _line(bank.name, mean)
        for times in TIMES:
            mean = np.mean(rows[times], axis=0)
            text += _line(f'**mean of {half}, {times} C**', mean)
    (HERE / 'none_bank.md').write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
