"""Fits with the same result on all ranks.

Every rank fits and the main process decides: other hardware may round another
way.
"""

import torch
from mmengine.dist import broadcast

from mmlatte.fits import (
    FrozenFeatures,
    LattePlusFit,
    LattePlusOptions,
    fit_latteplus,
    label_with_both,
)
from mmlatte.fits.answers import AnsweredFit, fit_answered

__all__ = ['agreed_answers', 'agreed_latteplus']


def agreed_latteplus(
    frozen: FrozenFeatures, options: LattePlusOptions
) -> LattePlusFit:
    """Fit LattePlus; one label for all images counts as zero-shot CLIP.

    Args:
        frozen (FrozenFeatures): N features.
        options (LattePlusOptions): Of the fit.
    """
    with torch.autocast(torch.device(frozen.device).type, enabled=False):
        fit = label_with_both(
            frozen, lambda seen: fit_latteplus(seen, options)
        )
    if not fit.kept_zero_shot and len(fit.labels.unique()) < 2:
        fit.kept_zero_shot, fit.reason = True, 'all images get one label'
    facts = torch.tensor([fit.kept_zero_shot, fit.train_further])
    broadcast(facts)
    _share(fit)
    fit.kept_zero_shot, fit.train_further = facts.tolist()
    return fit


@torch.no_grad()
def agreed_answers(frozen: FrozenFeatures) -> AnsweredFit:
    """Fit answers.

    Args:
        frozen (FrozenFeatures): N features, and answers about some of them.
    """
    with torch.autocast(torch.device(frozen.device).type, enabled=False):
        fit = label_with_both(frozen, fit_answered)
    _share(fit)
    return fit


def _share(fit: LattePlusFit | AnsweredFit) -> None:
    classifier = fit.classifier
    for tensor in (
        fit.labels,
        fit.unused,
        classifier.weight,
        classifier.bias,
    ):
        broadcast(tensor)
