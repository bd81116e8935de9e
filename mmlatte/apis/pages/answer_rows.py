"""Rows of a comparison: accuracy against the number of answers."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

from mmlatte.apis.inference.load_classifier import frozen_config
from mmlatte.registry import MODELS
from mmlatte.visualization.comparison import MethodResult, RunResult

from .comparison_entries import Entry, log
from .linear_probe import linear_probe
from .simulated_answers import (
    SIMULATED,
    LabelledFeatures,
    answer_count,
    labelled_features,
)

__all__ = ['answered_entries', 'reference_results']

#: Of random images: a few answers are luck.
DRAWS = 10
RANDOM, PROBE = 'random images, logistic regression', 'linear probe'


def answered_entries(
    entries: Sequence[Entry], answers: Sequence[str], out: Path
) -> list[Entry]:
    """Give every method that takes answers each number of them.

    The questions are those that `choose` asks; the labels of the training
    images answer them.

    Args:
        entries (Sequence[Entry]): The methods.
        answers (Sequence[str]): Numbers, see `answer_count`.
        out (Path): Folder; answers are written to ``out/answers``.

    Raises:
        ValueError: If a number is none, or no method takes answers.
    """
    seen: dict[str, LabelledFeatures] = {}
    rows: list[Entry] = []
    for entry in entries:
        if not _takes_answers(entry):
            log(f'{entry.name} takes no answers: one row without')
            rows.append(entry)
            continue
        for count in _counts(entry, answers):
            config = Config(entry.config.to_dict())
            name = entry.name
            if count:
                key = _images(config)
                if key not in seen:
                    seen[key] = labelled_features(config, 'train_dataloader')
                path, given = seen[key].answer(count, out / 'answers')
                _set_answers(config, path)
                name = f'{name}, {given} answers'
            rows.append(Entry(name, config, curve=entry.name))
    if not any(_takes_answers(entry) for entry in entries):
        raise ValueError(
            '--answers: none of the configs is of a method that takes '
            'answers; add configs/methods/answers.py'
        )
    return rows


def reference_results(
    entries: Sequence[Entry], answers: Sequence[str]
) -> list[MethodResult]:
    """Return what labels alone give, on the features of the first method.

    Logistic regression on as many random images (`DRAWS` times), and on all.

    Args:
        entries (Sequence[Entry]): The methods; one takes answers.
        answers (Sequence[str]): Numbers, see `answer_count`.
    """
    entry = next(entry for entry in entries if _takes_answers(entry))
    train = labelled_features(entry.config, 'train_dataloader')
    test = labelled_features(entry.config, 'test_dataloader')
    results = []
    for count in _counts(entry, answers):
        if count:
            runs = [
                _probe(train, test, rows, seed)
                for seed, rows in _draws(len(train.labels), count)
            ]
            name = f'{RANDOM}, {count} answers'
            results.append(MethodResult(name, runs, curve=RANDOM))
    every = np.arange(len(train.labels))
    probe = _probe(train, test, every, 0)
    name = f'{PROBE}, all {len(every)} labels'
    return [*results, MethodResult(name, [probe], PROBE, level=True)]


def _draws(images: int, count: int) -> Iterator[tuple[int, np.ndarray]]:
    for seed in range(DRAWS):
        order = np.random.default_rng(seed).permutation(images)
        yield seed, order[:count]


def _probe(
    train: LabelledFeatures,
    test: LabelledFeatures,
    rows: np.ndarray,
    seed: int,
) -> RunResult:
    """Fit and test a logistic regression; a summary as runs write it."""
    began = time.monotonic()
    scale, classes = train.frozen.scale, train.frozen.classes
    labels = torch.from_numpy(train.labels[rows])
    probe = linear_probe(scale * train.frozen.rows(rows), labels, classes)
    seconds = time.monotonic() - began
    logits = probe.logits(scale * test.frozen.rows().double())
    right = logits.argmax(dim=1).numpy() == test.labels
    per_class = {
        name: 100 * float(right[test.labels == number].mean())
        for number, name in enumerate(train.classes)
        if (test.labels == number).any()
    }
    summary = dict(
        top1=100 * float(right.mean()),
        per_class=per_class,
        train_seconds=seconds,
        trained_parameters=probe.weight.numel() + probe.bias.numel(),
        answers={SIMULATED: len(rows)},
        method=dict(name='logistic regression'),
    )
    return RunResult(seed, summary)


def _takes_answers(entry: Entry) -> bool:
    if not entry.trains:
        return False
    return bool(MODELS.get(entry.config.model.type).takes_answers)


def _counts(entry: Entry, answers: Sequence[str]) -> list[int]:
    """Return the numbers of answers, each once, the smallest first."""
    classes = len(entry.config.model.class_names)
    return sorted({answer_count(text, classes) for text in answers})


def _set_answers(config: Config, path: Path) -> None:
    config.merge_from_dict(
        {
            'default_hooks.frozen_features.type': 'mmlatte.FrozenFeaturesHook',
            'default_hooks.frozen_features.answers': str(path),
        }
    )


def _images(config: Config) -> str:
    """Return what decides which images are asked about."""
    return repr((frozen_config(config).model, config.train_dataloader.dataset))
