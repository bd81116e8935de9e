import csv
from types import SimpleNamespace

import numpy as np
import torch

from mmlatte.apis.adapt.answering.review import (
    find_review,
    review_sections,
    write_review,
)
from mmlatte.datasets.answers import NONE
from mmlatte.fits import FrozenFeatures, LinearClassifier
from mmlatte.fits.answers import (
    AnsweredFit,
    AnswersFit,
    GivenAnswers,
    ImageStructure,
)


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
    asking = SimpleNamespace(
        frozen=frozen,
        fit=fit,
        record=record,
        classes=['cat', 'dog'],
        structure=ImageStructure.of(frozen),
        dataset=SimpleNamespace(
            get_data_info=lambda row: {'img_path': f'/images/{row}.jpg'}
        ),
    )
    images = find_review(asking)
    write_review(tmp_path / 'review.csv', asking, images)
    with (tmp_path / 'review.csv').open(newline='') as file:
        rows = [[*row.values()] for row in csv.DictReader(file)]
    reason = 'the fit contradicts the answer'
    none = f'{np.exp(3) / (np.exp(3) + 2):.4f}'
    cat = f'{np.exp(3) / (np.exp(3) + 1):.4f}'
    dog = f'{np.exp(0.5) / (np.exp(0.5) + 1):.4f}'
    assert rows == [
        ['1.jpg', reason, 'cat', cat, 'dog', 'dog', ''],
        ['0.jpg', reason, NONE, none, 'cat', 'cat', ''],
        ['2.jpg', 'shows none of the classes', NONE, none, 'cat', '', ''],
        ['3.jpg', 'among the least sure', 'dog', dog, 'dog', '', ''],
    ]
    sections = review_sections(asking, images)
    assert [len(section.images) for section in sections] == [2, 1, 1]
    assert sections[0].images[0] == (
        '1.jpg',
        '/images/1.jpg',
        ['answer: dog (person)', 'fit: cat', 'zero-shot: dog'],
    )


def test_what_differs_and_what_is_nearly_the_same():
    """Two clusters of five; one image of each is labelled like the other.

    Images 0 and 1 are nearly the same, as are 5 and 6.
    """
    draw = np.random.default_rng(0)
    centres = np.repeat(np.eye(12)[:2], 5, axis=0)
    noise = 0.3 * draw.normal(size=(10, 12))
    noise[[1, 6]] = noise[[0, 5]] + 1e-3
    features = centres + noise
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    features = features.astype(np.float32)
    # The fit: cluster by cluster, but for images 0 and 5.
    labels = np.array([1, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    known = torch.from_numpy(features)

    def logits(images):
        nearest = (images @ known.T).argmax(dim=1)
        return 4.0 * torch.eye(3)[torch.from_numpy(labels)[nearest]]

    # To zero-shot CLIP, all images show the third class.
    frozen = FrozenFeatures(
        features, np.full(10, 2), np.ones(10), features[:3]
    )
    classifier = SimpleNamespace(weight=known, logits=logits)
    structure = ImageStructure.of(frozen)
    structure._clusters[3] = np.arange(10) // 5, np.zeros(10)
    asking = SimpleNamespace(
        frozen=frozen,
        fit=AnsweredFit(classifier, torch.tensor(labels), torch.zeros(3)),
        structure=structure,
    )
    rows = [(i.row, i.reason, i.like) for i in find_review(asking)]
    differ = 'zero-shot, cluster and fit disagree'
    assert sorted(rows[:2]) == [(0, differ, None), (5, differ, None)]
    # Of both pairs, the first image is listed already.
    assert all(reason == 'among the least sure' for _, reason, _ in rows[2:])
    frozen.labels[:] = labels
    rows = [(i.row, i.reason, i.like) for i in find_review(asking)]
    twin = 'nearly the same image has another class'
    assert sorted(rows[:2]) == [(0, twin, 1), (5, twin, 6)]
