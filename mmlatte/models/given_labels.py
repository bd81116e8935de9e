"""Answers about a few images, as methods that train use them."""

import dataclasses

import torch
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import NONE, SKIP, AnsweredFit
from mmlatte.models.agreed_fit import agreed_answers

__all__ = ['GivenLabels']


class GivenLabels:
    """Labels of all training images that follow from a few answers.

    Answered images keep their answer, whatever a model thinks of them. What
    shows none of the classes, by an answer or by the fit to the answers, takes
    no part. Without answers nothing changes, to the last bit.

    Args:
        frozen (FrozenFeatures, optional): N features, maybe with answers.

    Attributes:
        fit (AnsweredFit | None): What was fitted to the answers, the same on
            all ranks; None without answers.
        frozen (FrozenFeatures): The same features; labels are those of the
            fit, if there is one.

    Examples:
        >>> import numpy as np
        >>> from mmlatte.fits.answers import GivenAnswers
        >>> draw = np.random.default_rng(0)
        >>> x = np.eye(2, 8, dtype=np.float32).repeat(9, axis=0)
        >>> x += 0.1 * draw.normal(size=x.shape).astype(np.float32)
        >>> frozen = FrozenFeatures(x, np.zeros(18), np.ones(18), x[:2])
        >>> frozen.answers = GivenAnswers([3, 12], [1, 0])
        >>> given = GivenLabels(frozen)
        >>> given.frozen.labels.tolist() == [1] * 9 + [0] * 9
        True
        >>> given.put(torch.tensor([0, 0]), torch.tensor([3, 4])).tolist()
        [1, 0]
    """

    def __init__(self, frozen: FrozenFeatures | None = None) -> None:
        self.frozen = frozen
        self.fit: AnsweredFit | None = None
        if frozen is None or frozen.answers is None:
            return
        answers = frozen.answers.used()
        if not len(answers):
            return
        self.fit = agreed_answers(frozen)
        labels = self.fit.labels
        self._outside = labels == NONE
        best = self.fit.classifier.labels(frozen)
        self.frozen = dataclasses.replace(
            frozen, labels=torch.where(self._outside, best, labels).numpy()
        )
        # One of each image, where several people answered about it.
        self._given = torch.full_like(labels, SKIP)
        self._given[answers.rows] = labels[answers.rows]

    def __bool__(self) -> bool:
        return self.fit is not None

    def put(self, labels: Tensor, ids: Tensor) -> Tensor:
        """Put answers in place of pseudo-labels.

        Args:
            labels (Tensor): Pseudo-labels, int64 (B,).
            ids (Tensor): Their images, (B,).
        """
        if self.fit is None:
            return labels
        self._given = self._given.to(ids.device)
        given = self._given[ids].to(labels.device)
        return torch.where(given >= 0, given, labels)

    def trained(self, valid: Tensor, ids: Tensor) -> Tensor:
        """Take images of none of the classes out of a batch.

        Args:
            valid (Tensor): Samples that count, bool (B,).
            ids (Tensor): Their images, (B,).
        """
        if self.fit is None:
            return valid
        self._outside = self._outside.to(ids.device)
        return valid & ~self._outside[ids].to(valid.device)

    def trust(self, weights: Tensor, ids: Tensor) -> Tensor:
        """Give answers the weight 1 among the weights of pseudo-labels.

        Args:
            weights (Tensor): In [0, 1], (B,).
            ids (Tensor): Their images, (B,).
        """
        if self.fit is None:
            return weights
        self._given = self._given.to(ids.device)
        known = (self._given[ids] >= 0).to(weights.device)
        return weights.masked_fill(known, 1.0)

    def prototypes(self) -> Tensor | None:
        """Return the classes of the fit as unit vectors, (C, D).

        None without answers, and where more classes than dimensions cannot
        be told by unit vectors.
        """
        if self.frozen is None or self.fit is None:
            return None
        if self.frozen.classes > self.frozen.width:
            return None
        fit = self.fit
        return fit.classifier.as_prototypes(self.frozen, fit.unused).prototypes
