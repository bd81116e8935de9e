import csv
from types import SimpleNamespace

import numpy as np
import torch

from mmlatte.apis.adapt.review import write_review
from mmlatte.datasets.answers import NONE
from mmlatte.fits import FrozenFeatures, LinearClassifier
from mmlatte.fits.answers import AnsweredFit, AnswersFit, GivenAnswers


def test_what_the_fit_says_of_answers_and_of_images_of_no_class(tmp_path):
    """Images 0 and 1 are answered; the fit finds that 0 and 2 are of none."""
    features = np.eye(4, dtype=np.float32)
    frozen = FrozenFeatures(
        features, np.array([0, 1, 0, 1]), np.ones(4), features[:2]
    )
    weight = torch.zeros(3, 4)
    weight[2, 0] = weight[2, 2] = weight[0, 1] = 3.0
    weight[1, 3] = 0.5
    whole = LinearClassifier(weight, torch.zeros(3))
    classifier = LinearClassifier(weight[:2], torch.zeros(2))
    found = AnswersFit(
        classifier,
        whole,
        labels=np.array([0, 1, -1, 1]),
        answers=GivenAnswers([0, 1], [0, 1]),
        missing=np.zeros(0, np.int64),
        contradicted=np.array([1, 0]),
    )
    given = {'0.jpg': ('cat', 'person'), '1.jpg': ('dog', 'person')}
    record = SimpleNamespace(
        ids=[f'{i}.jpg' for i in range(4)], given=lambda lmm: given
    )
    fit = AnsweredFit(
        classifier, torch.tensor(found.labels), torch.zeros(2), found=found
    )
    write_review(
        tmp_path / 'review.csv',
        SimpleNamespace(
            frozen=frozen, fit=fit, record=record, classes=['cat', 'dog']
        ),
    )
    with (tmp_path / 'review.csv').open(newline='') as file:
        rows = [[*row.values()] for row in csv.DictReader(file)]
    reason = 'the fit contradicts the answer'
    none = f'{np.exp(3) / (np.exp(3) + 2):.4f}'
    cat = f'{np.exp(3) / (np.exp(3) + 1):.4f}'
    dog = f'{np.exp(0.5) / (np.exp(0.5) + 1):.4f}'
    assert rows == [
        ['1.jpg', reason, 'cat', cat, 'dog', 'dog'],
        ['0.jpg', reason, NONE, none, 'cat', 'cat'],
        ['2.jpg', 'shows none of the classes', NONE, none, 'cat', ''],
        ['3.jpg', 'among the least sure', 'dog', dog, 'dog', ''],
    ]
