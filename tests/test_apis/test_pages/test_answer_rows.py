"""Accuracy against the number of answers: simulated answers, references."""

import csv

import numpy as np
import pytest
import torch
from mmengine.config import Config
from sklearn.linear_model import LogisticRegression

from mmlatte.apis.pages.answer_rows import answered_entries
from mmlatte.apis.pages.comparison_entries import Entry
from mmlatte.apis.pages.linear_probe import linear_probe
from mmlatte.apis.pages.simulated_answers import (
    SIMULATED,
    LabelledFeatures,
    answer_count,
)
from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import choose

IDS = [f'{i}.jpg' for i in range(90)]
CLASSES = ['a', 'b', 'c']


@pytest.fixture(scope='module')
def clusters():
    """Features of three overlapping classes, and their labels."""
    draw = np.random.default_rng(0)
    truth = draw.integers(3, size=90)
    centres = draw.normal(size=(3, 16))
    x = centres[truth] + 0.8 * draw.normal(size=(90, 16))
    x = (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
    texts = np.eye(3, 16, dtype=np.float32)
    return FrozenFeatures(x, np.zeros(90), np.zeros(90), texts), truth


@pytest.mark.parametrize('text', ['', 'D', '-1', '2D', '1.5', 'C2', 'c'])
def test_a_wrong_number_is_named(text):
    with pytest.raises(ValueError, match=f'--answers {text}: give numbers'):
        answer_count(text, 10)


def test_labels_answer_the_chosen_questions(clusters, tmp_path):
    frozen, truth = clusters
    known = LabelledFeatures(frozen, IDS, truth, CLASSES)
    path, count = known.answer(6, tmp_path)
    assert count == 6
    with path.open(newline='') as file:
        rows = list(csv.DictReader(file))
    asked = choose(frozen, 6).rows
    assert [row['image'] for row in rows] == [IDS[i] for i in asked]
    assert [row['class'] for row in rows] == [CLASSES[truth[i]] for i in asked]
    assert {row['annotator'] for row in rows} == {SIMULATED}
    # The name tells the content, which a comparison is keyed by.
    other = LabelledFeatures(frozen, IDS, (truth + 1) % 3, CLASSES)
    assert known.answer(6, tmp_path)[0] == path
    assert other.answer(6, tmp_path)[0] != path


def test_the_probe_is_a_logistic_regression(clusters):
    frozen, truth = clusters
    x = 10 * frozen.features
    reference = LogisticRegression(C=10, max_iter=5000, tol=1e-8)
    reference.fit(x, truth)
    probe = linear_probe(torch.from_numpy(x), torch.from_numpy(truth), 3)
    np.testing.assert_allclose(
        probe.logits(torch.from_numpy(x).double()).softmax(dim=1),
        reference.predict_proba(x),
        atol=1e-3,
    )


def test_there_must_be_a_method_that_takes_answers(tmp_path):
    config = Config(
        dict(
            model=dict(type='mmlatte.GDAClassifier', class_names=['a', 'b']),
            train_dataloader=dict(batch_size=1),
        )
    )
    with pytest.raises(ValueError, match=r'configs/methods/answers\.py'):
        answered_entries([Entry('gda', config)], ['0', 'C'], tmp_path)
