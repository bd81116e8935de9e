import torch
from mmengine.dist import broadcast
from torch import Tensor

from mmlatte.fits import (
    FrozenFeatures,
    LattePlusFit,
    LattePlusOptions,
    fit_latteplus,
)

__all__ = ['agreed_latteplus']


def agreed_latteplus(
    frozen: FrozenFeatures, options: LattePlusOptions
) -> LattePlusFit:
    """Fit LattePlus, with the same result on all ranks.

    Every rank fits and the main process decides: other hardware may round
    another way. Where all images get one label, it counts as zero-shot CLIP.

    Args:
        frozen (FrozenFeatures): N features.
        options (LattePlusOptions): Of the fit.
    """
    fit = fit_latteplus(frozen, options)
    if not fit.kept_zero_shot and len(fit.labels.unique()) < 2:
        fit.kept_zero_shot, fit.reason = True, 'all images get one label'
    facts = torch.tensor([fit.kept_zero_shot, fit.train_further])
    tensors: list[Tensor] = [facts, fit.labels, fit.unused]
    for tensor in (*tensors, fit.classifier.weight, fit.classifier.bias):
        broadcast(tensor)
    fit.kept_zero_shot, fit.train_further = facts.tolist()
    return fit
