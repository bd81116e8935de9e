"""Names chosen without labels: on made images, and against a plain loop."""

import numpy as np
import torch
import torch.nn.functional as F

from mmlatte.fits import FrozenFeatures, fit_latteplus
from mmlatte.fits.naming.name_choice import MARGIN, MEAN, ROUNDS, choose_names

WIDTH, PER_CLASS = 16, 60


def made(seed=0):
    """Images around four directions, and names of four classes.

    Two of the three names of class 2 point at images of class 3, the last at
    its own.
    """
    draw = torch.Generator().manual_seed(seed)
    axes = torch.eye(WIDTH)
    truth = torch.arange(4).repeat_interleave(PER_CLASS)
    noise = 0.15 * torch.randn(len(truth), WIDTH, generator=draw)
    images = F.normalize(axes[truth] + noise + 0.5 * axes[8], dim=1)
    wrong = F.normalize(axes[[3]] + 0.3 * axes[[2]], dim=1)
    names = [axes[[0]], axes[[1]], torch.cat([wrong, wrong, axes[[2]]])]
    names.append(F.normalize(axes[[3]] + axes[[9]], dim=1))
    return images, names, truth


def frozen(images, texts):
    cosines = images @ texts.T
    return FrozenFeatures(
        features=images.numpy(),
        labels=cosines.argmax(dim=1).numpy(),
        scores=cosines.amax(dim=1).numpy(),
        class_features=texts.numpy(),
        scale=20.0,
    )


def mean_of(names):
    return torch.stack([F.normalize(n.mean(dim=0), dim=0) for n in names])


def test_the_name_of_the_images_is_chosen():
    images, names, truth = made()
    found = choose_names(frozen(images, mean_of(names)), names)
    assert found.names == [MEAN, MEAN, 2, MEAN] and not found.kept
    assert found.agreement > found.agreement_of_means
    texts = mean_of(names)
    before = (images @ texts.T).argmax(dim=1)
    texts[2] = names[2][2]
    after = (images @ texts.T).argmax(dim=1)
    assert (after == truth).sum() > (before == truth).sum()


def test_the_class_features_do_not_matter():
    images, names, _ = made()
    expected = choose_names(frozen(images, mean_of(names)), names)
    texts = torch.stack([n[0] for n in names])
    assert choose_names(frozen(images, texts), names) == expected


def test_against_a_loop():
    """Every label anew for every name."""
    images, _, _ = made(seed=3)
    draw = torch.Generator().manual_seed(1)
    names = [
        F.normalize(
            torch.eye(WIDTH)[[c] * (2 + c % 2)]
            + 0.5 * torch.randn(2 + c % 2, WIDTH, generator=draw),
            dim=1,
        )
        for c in range(4)
    ]
    found = choose_names(frozen(images, mean_of(names)), names)
    assert any(name != MEAN for name in found.names)
    assert found.names == loop(images, names)


def loop(images, names):
    means = mean_of(names)
    target = fit_latteplus(frozen(images, means)).labels.numpy()
    middle = means.mean(dim=0)
    x = F.normalize(images - images.mean(dim=0), dim=1)

    def kappa(texts):
        values = []
        for rows, columns in (
            (images, texts),
            (x, F.normalize(texts - middle, dim=1)),
        ):
            labels = (rows @ columns.T).argmax(dim=1).numpy()
            chance = sum(
                (labels == c).mean() * (target == c).mean() for c in range(4)
            )
            values.append(((labels == target).mean() - chance) / (1 - chance))
        return np.mean(values)

    texts, chosen = means.clone(), [MEAN] * 4
    best = kappa(texts)
    for _ in range(ROUNDS):
        for c in range(4):
            for which, row in enumerate([means[c], *names[c]], start=MEAN):
                tried = texts.clone()
                tried[c] = row
                if kappa(tried) > best + MARGIN:
                    best, texts, chosen[c] = kappa(tried), tried, which
    return chosen


def test_nothing_is_chosen_where_the_fit_is_not_reliable():
    images, names, _ = made()
    few = images[::20]
    found = choose_names(frozen(few, mean_of(names)), names)
    assert found.names == [MEAN] * 4
    assert 'fewer than 20 for each' in found.kept
