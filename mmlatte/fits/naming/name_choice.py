"""Which of several names of a class CLIP should read, without labels."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from ..frozen_features import FrozenFeatures
from ..latteplus import fit_latteplus
from ..latteplus_options import LattePlusOptions
from .cluster_names import agreement

__all__ = ['MEAN', 'NameChoice', 'choose_names']

#: In the place of a name: the mean of all of them.
MEAN = -1

#: What another name must add to kappa. On the choose half of the feature bank
#: 0.002 and 0.005 are equal for zero-shot labels, 0.01 is a point worse.
MARGIN = 0.005

#: Times that every class is looked at.
ROUNDS = 2


@dataclass(frozen=True)
class NameChoice:
    """What `choose_names` found.

    Args:
        names (list[int]): Of each of C classes, which of its names; `MEAN`
            for the mean of all.
        agreement (float): Kappa with the chosen names.
        agreement_of_means (float): Kappa with the means.
        kept (str): Why nothing was chosen; '' where something could be.
    """

    names: list[int]
    agreement: float = 0.0
    agreement_of_means: float = 0.0
    kept: str = ''


@torch.no_grad()
def choose_names(
    frozen: FrozenFeatures,
    alternatives: Sequence[Tensor],
    options: LattePlusOptions | None = None,
) -> NameChoice:
    r"""Choose among the names of every class by their fit to the images.

    With the means of all names LattePlus labels the images. Class by class,
    the name is taken with which zero-shot labels, plain and centred, agree
    best with that fit (the mean of the two Cohen's kappas): it finds the
    images of its own class and takes none from others. A single name has to
    beat the mean by `MARGIN`; two rounds, since classes depend on each other.

    After REAL-Prompt (arXiv 2401.12425), which counts captions in place of
    looking at the images. Costs O(N) for every name and round, beside the fit.

    Args:
        frozen (FrozenFeatures): N images; its class features and labels do
            not matter.
        alternatives (Sequence[Tensor]): Unit text features of the names of
            every class, C times (A_c, D).
        options (LattePlusOptions, optional): Of the fit.

    Returns:
        NameChoice: The means, where the fit is not reliable.
    """
    options = options or LattePlusOptions()
    parts = [names.float().to(frozen.device) for names in alternatives]
    means = torch.stack([F.normalize(n.mean(dim=0), dim=0) for n in parts])
    images = frozen.rows()
    plain = images @ means.T
    fit = fit_latteplus(
        replace(
            frozen,
            labels=plain.argmax(dim=1).cpu().numpy(),
            scores=plain.amax(dim=1).cpu().numpy(),
            class_features=means.cpu().numpy(),
            second=None,
        ),
        options,
    )
    untouched = [MEAN] * len(parts)
    if fit.kept_zero_shot:
        return NameChoice(untouched, kept=fit.reason)
    # With the mean text left as it is, so that columns stay independent.
    middle = means.mean(dim=0)
    centred = F.normalize(images - images.mean(dim=0), dim=1)
    scores = [
        _Columns(plain),
        _Columns(centred @ F.normalize(means - middle, dim=1).T),
    ]
    target, classes = fit.labels.to(frozen.device), len(parts)

    def kappa(labels: list[Tensor]) -> float:
        both = [agreement(found, target, classes) for found in labels]
        return sum(both) / 2

    best = first = kappa([s.labels() for s in scores])
    chosen = list(untouched)
    for _ in range(ROUNDS):
        for c, names in enumerate(parts):
            if len(names) < 2:
                continue
            texts = torch.cat([means[c : c + 1], names])
            columns = (
                images @ texts.T,
                centred @ F.normalize(texts - middle, dim=1).T,
            )
            for which in range(len(texts)):
                new = [column[:, which] for column in columns]
                labels = [
                    s.labels_with(c, column)
                    for s, column in zip(scores, new, strict=True)
                ]
                value = kappa(labels)
                if value > best + MARGIN:
                    best, chosen[c] = value, which - 1
                    for s, column in zip(scores, new, strict=True):
                        s.set(c, column)
    return NameChoice(chosen, best, first)


class _Columns:
    """Scores of which one column changes at a time.

    Args:
        scores (Tensor): (N, C).
    """

    def __init__(self, scores: Tensor) -> None:
        self.scores = scores.clone()
        self._rank()

    def _rank(self) -> None:
        top = self.scores.topk(min(2, self.scores.shape[1]), dim=1)
        self._values, self._classes = top.values, top.indices

    def labels(self) -> Tensor:
        """Return the classes of the largest scores, (N,)."""
        return self._classes[:, 0]

    def labels_with(self, c: int, column: Tensor) -> Tensor:
        """Return them with another column for class c, (N,)."""
        own = self._classes[:, 0] == c
        rival = torch.where(own, self._values[:, -1], self._values[:, 0])
        other = torch.where(own, self._classes[:, -1], self._classes[:, 0])
        return torch.where(column > rival, c, other)

    def set(self, c: int, column: Tensor) -> None:
        """Change a column for good."""
        self.scores[:, c] = column
        self._rank()
