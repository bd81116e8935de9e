"""Measure questions and answers on the feature bank.

    MMLATTE_TEST_ASSETS=assets python benchmarks/answers_bank.py

writes ``benchmarks/answers_bank.md``. Accuracies are transductive, in percent,
of all images, the answered ones included. Nothing but the baseline and the
slips of annotators is random; these are means of three seeds.
"""

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression

from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import (
    GivenAnswers,
    ImageStructure,
    choose,
    fit_answers,
)
from mmlatte.fits.latteplus import fit_latteplus

CHOOSE = (
    'eurosat_rs animals8_demo scenes15_demo clothing10_demo flowers5_demo '
    'brain_mri4_demo plantvillage38_demo signdigits_demo pills10_demo '
    'rocks7_demo'
).split()
JUDGE = (
    'ucm_rs rsscn7_rs trashnet_demo pacs_art7_demo canteen18_demo '
    'weather5_demo corn4_demo minerals7_demo indianfood16_demo gtsrb43_demo'
).split()
TIMES, SEEDS = (1, 2, 5), 3
HERE = Path(__file__).parent
HEAD = """# Answers on the feature bank

Made by `python benchmarks/answers_bank.py`: top-1 in percent on all images of
a set, the answered ones included. Rules and constants were chosen on the
choose half.
"""


class BankSet:
    """One set of the bank: features, truth, and what needs no answers."""

    def __init__(self, name: str) -> None:
        assets = os.environ['MMLATTE_TEST_ASSETS']
        with np.load(f'{assets}/features/{name}.npz') as stored:
            features = stored['features'].astype(np.float32)
            texts = stored['text_own'].astype(np.float32)
            self.truth = stored['labels'].astype(np.int64)
            scale = float(stored['scale'])
        self.name = name.removesuffix('_demo')
        logits = features @ texts.T
        self.frozen = FrozenFeatures(
            features, logits.argmax(1), logits.max(1), texts, scale=scale
        )
        self.classes = len(texts)
        self.structure = ImageStructure.of(self.frozen)
        self.label_free = fit_latteplus(self.frozen).classifier

    def accuracy(self, labels) -> float:
        return 100 * float(np.mean(np.asarray(labels) == self.truth))

    def fit(self, answers: GivenAnswers, estimate: bool = False):
        return fit_answers(
            self.frozen,
            answers,
            structure=self.structure,
            label_free=self.label_free,
            estimate=estimate,
        )

    def ask(self, count: int, rounds: int = 1) -> GivenAnswers:
        rows = np.zeros(0, np.int64)
        for n in np.diff(np.linspace(0, count, rounds + 1).astype(int)):
            answered = GivenAnswers(rows, self.truth[rows])
            new = choose(self.frozen, int(n), answered, self.structure)
            rows = np.concatenate([rows, new.rows])
        return GivenAnswers(rows, self.truth[rows])

    def logistic_regression(self, train, test) -> float:
        model = LogisticRegression(C=10, max_iter=500)
        x = self.frozen.features * self.frozen.scale
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            model.fit(x[train], self.truth[train])
        return 100 * float(model.score(x[test], self.truth[test]))

    def probe(self) -> float:
        half = len(self.truth) // 2
        rows = np.arange(len(self.truth))
        return self.logistic_regression(rows[:half], rows[half:])

    def random(self, count: int) -> float:
        scores = []
        for seed in range(SEEDS):
            random = np.random.default_rng(seed)
            rows = random.permutation(len(self.truth))[:count]
            if len(set(self.truth[rows])) > 1:
                every = np.arange(len(self.truth))
                scores.append(self.logistic_regression(rows, every))
        return float(np.mean(scores))


def accuracies(bank: list[BankSet]) -> list[list]:
    table = []
    for each in bank:
        row = [each.name, each.classes]
        row.append(each.accuracy(each.frozen.labels))
        row.append(each.accuracy(each.label_free.labels(each.frozen)))
        for rounds in (1, 2):
            for times in TIMES:
                fit = each.fit(each.ask(times * each.classes, rounds))
                row.append(each.accuracy(fit.labels))
        row += [each.random(each.classes), each.probe()]
        table.append(row)
    share = np.mean([np.array(r[2:]) / r[-1] for r in table], axis=0)
    table.append(['mean share of the probe', '', *share])
    return table


def slip(labels: np.ndarray, classes: int, rate: float, seed: int):
    """Replace a share of the labels by other ones, drawn uniformly."""
    random = np.random.default_rng(seed)
    slips = random.random(len(labels)) < rate
    other = random.integers(1, classes, len(labels))
    return np.where(slips, (labels + other) % classes, labels)


def noisy(bank: list[BankSet]) -> list[list]:
    table = []
    for each in bank:
        answers = each.ask(10 * each.classes)
        rows, right = answers.rows, answers.labels
        second = np.arange(len(rows)) % 2
        found: list[list[float]] = [[] for _ in range(6)]
        for seed in range(SEEDS):
            labels = slip(right, each.classes, 0.2, seed)
            fit = each.fit(GivenAnswers(rows, labels), estimate=True)
            found[0].append(each.accuracy(fit.labels))
            found[1].append(100 * fit.annotators.errors[0])
            # A pair of neighbouring classes, another one for each seed.
            one, taken = (2 * seed + 1) % each.classes, 2 * seed % each.classes
            labels = np.where(right == one, taken, right)
            own = np.where(each.truth == one, taken, each.truth)
            fit = each.fit(GivenAnswers(rows, labels))
            found[2].append(each.accuracy(own))
            found[3].append(each.accuracy(fit.labels))
            labels = np.where(
                second, slip(right, each.classes, 0.5, seed), right
            )
            for who, place in ((None, 4), (second, 5)):
                fit = each.fit(GivenAnswers(rows, labels, annotator=who))
                found[place].append(each.accuracy(fit.labels))
        means = [float(np.mean(values)) for values in found]
        table.append([each.name, 80.0, *means, each.probe()])
    return table


def estimates(bank: list[BankSet]) -> list[list]:
    table = []
    for each in bank:
        for times in (5, 10):
            answers = each.ask(times * each.classes)
            fit = each.fit(answers, estimate=True)
            more = each.ask(len(answers) + 20)
            true = each.accuracy(fit.labels)
            found = fit.estimate
            table.append(
                [
                    each.name,
                    len(answers),
                    true,
                    100 * found.mean,
                    100 * found.low,
                    100 * found.high,
                    'yes' if abs(100 * found.mean - true) <= 5 else 'no',
                    100 * found.curve[-1][1],
                    each.accuracy(each.fit(more).labels),
                ]
            )
    return table


def markdown(title: str, head: str, rows: list[list]) -> str:
    def cell(value) -> str:
        if isinstance(value, float):
            return f'{value:.3f}' if 0 < value <= 1.5 else f'{value:.1f}'
        return str(value)

    names = [name.strip() for name in head.split('|')]
    lines = [f'## {title}', '| ' + ' | '.join(names) + ' |']
    lines.append('|' + '---|' * len(names))
    lines += ['| ' + ' | '.join(map(cell, row)) + ' |' for row in rows]
    return '\n'.join(lines) + '\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--halves', nargs='+', default=['choose', 'judge'])
    parser.add_argument('--out', default=str(HERE / 'answers_bank.md'))
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get('OMP_NUM_THREADS', '1')))
    parts = [HEAD]
    for half in args.halves:
        began = time.process_time()
        names = CHOOSE if half == 'choose' else JUDGE
        bank = [BankSet(name) for name in names]
        parts.append(
            markdown(
                f'Accuracy, {half} half',
                'set | C | zero-shot | LattePlus | C answers | 2C | 5C | '
                'in two rounds C | 2C | 5C | random C, logistic regression | '
                'linear probe',
                accuracies(bank),
            )
        )
        parts.append(
            markdown(
                f'Annotators that err, 10 C questions, {half} half',
                'set | right in 80 % | fit | estimated errors | one class '
                'taken for another | fit | half by one who errs in 50 %, as '
                'one annotator | as two | linear probe',
                noisy(bank),
            )
        )
        rows = estimates(bank)
        within = sum(row[6] == 'yes' for row in rows)
        parts.append(
            markdown(
                f'Estimated accuracy, {half} half: within 5 points in '
                f'{within} of {len(rows)}',
                'set | answers | accuracy | estimate | low | high | '
                'within 5 | expected of 20 more | accuracy with 20 more',
                rows,
            )
        )
        seconds = time.process_time() - began
        parts.append(f'CPU seconds of this half: {seconds:.0f}\n')
    Path(args.out).write_text('\n'.join(parts))


if __name__ == '__main__':
    main()
