"""LattePlus, from which the image tower learns where that is safe."""

import logging

import torch
from mmengine.dist import broadcast
from mmengine.logging import print_log
from torch import Tensor

from mmlatte.fits import (
    FrozenFeatures,
    LattePlusFit,
    LattePlusOptions,
    gaussian_parameters,
)
from mmlatte.fits.answers import AnsweredFit
from mmlatte.models.agreed_fit import agreed_latteplus
from mmlatte.registry import MODELS

from .dpa import DPAClassifier
from .fitted import log_fit


@MODELS.register_module()
class LattePlusTunedClassifier(DPAClassifier):
    r"""Self-training that starts from the labels of `LattePlusClassifier`.

    The dual prototypes of `DPAClassifier` with another start: the first image
    prototypes are the means of the images by LattePlus's labels. And with
    other shares of the classes: DPA draws its predictions to equal ones,
    which real folders do not have; here they are drawn half-way from there to
    those of the n_c images of the L classes that LattePlus finds,

    .. math::
        \pi_c = b\,[n_c > 0] / L + (1 - b)\, n_c / N, \quad b = 1/2

    in both places:

    .. math::
        \tilde p_t = \mathrm{rownorm}(\pi\, p_t / \mathrm{mean}_{32}\, p_t),
        \quad
        L_r = -\lambda_r \textstyle\sum_c \pi_c \log \mathrm{mean}_i\, p_{ic}

    Shares of LattePlus alone would repeat its mistakes: a class that took the
    images of another is twice too large. A class without images has no share.

    Often nothing is trained, and the log gives the reason. The Gaussians of
    LattePlus are the classifier, as prototypes and a scale,

    - where training cannot be expected to gain
      (`LattePlusFit.train_further`);
    - where the shares are far from equal ones, to which training would draw
      its predictions: where :math:`\exp(-\sum_c n_c / N \ln (n_c / N))`,
      their perplexity, is below ``min_perplexity`` C.

    And where LattePlus stays zero-shot CLIP, this model does as well.

    Args:
        *args: See `DPAClassifier`.
        balance (float): b, in [0, 1]. Defaults to 0.5.
        always_train (bool): Train also where no gain is expected. Defaults
            to False.
        min_perplexity (float): In [0, 1], of the number of classes. Defaults
            to 0.8.
        latteplus (dict, optional): Of the `LattePlusOptions`.
        **kwargs: See `DPAClassifier`.

    Attributes:
        kept_zero_shot (bool): Whether LattePlus stayed zero-shot CLIP.
    """

    reads_second = True
    shares: Tensor
    fitted_scale: Tensor

    def __init__(
        self,
        *args,
        balance: float = 0.5,
        always_train: bool = False,
        min_perplexity: float = 0.8,
        latteplus: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= balance <= 1:
            raise ValueError(f'balance must be in [0, 1], got {balance}')
        if not 0 <= min_perplexity <= 1:
            raise ValueError(
                f'min_perplexity must be in [0, 1], got {min_perplexity}'
            )
        self.latteplus = LattePlusOptions(**(latteplus or {}))
        self.balance = balance
        self.always_train = always_train
        self.min_perplexity = min_perplexity
        self.shares = torch.zeros(len(self.class_names))
        # Of the prototypes of a fit; 0 where they are those of training.
        self.register_buffer('fitted_scale', torch.zeros(()))
        self.kept_zero_shot = False
        self._fit: tuple[Tensor, Tensor] | None = None

    @property
    def is_fitted(self) -> bool:
        """bool: Whether there is a fit that takes the place of training."""
        return self._fit is not None or bool(self.fitted_scale > 0)

    @property
    def fitted_parameters(self) -> int | None:
        """int: Numbers of the Gaussians; None where training moves others."""
        shape = self.memory.weight.shape
        return gaussian_parameters(*shape) if self.is_fitted else None

    @property
    def estimated_top1(self) -> tuple[float, float, float] | None:
        """tuple: Of the fit to answers, where it is the classifier."""
        fit = self.given.fit if self.is_fitted else None
        return fit.estimated_top1 if fit else None

    @property
    def prototype_scale(self) -> Tensor:
        """Tensor: Cosines with the prototypes times this are logits."""
        # No `if`, which would wait for the GPU.
        fitted = self.fitted_scale
        return torch.where(fitted > 0, fitted, self.clip.scale)

    @property
    def open_vocabulary(self) -> bool:
        """bool: Whether the text of a new class can join the prototypes."""
        return not self.fitted_scale > 0

    @torch.no_grad()
    def forget_images(self) -> None:
        """Drop what was found in other images."""
        super().forget_images()
        self.shares.zero_()
        if self.is_fitted:
            self.memory.reset(self.encode_classes())
            self.fitted_scale.zero_()

    @torch.no_grad()
    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Find the clusters and start from them, unless a checkpoint did."""
        super().set_frozen(frozen.on(self.memory.weight.device))

    def _first_labels(self, frozen: FrozenFeatures) -> Tensor | None:
        """Label by LattePlus, or by the answers, if there are some."""
        found = self._find(frozen)
        if not self.given:  # otherwise the hook does
            log_fit(type(self).__name__, found, self.class_names)
        self.kept_zero_shot = found.kept_zero_shot
        if found.kept_zero_shot:
            print_log(
                'LattePlusTunedClassifier: there is nothing to learn from, '
                'and nothing is trained.',
                'current',
                level=logging.WARNING,
            )
            return None
        labels = found.labels
        if self.given:  # a class for images of none of them, too
            labels = torch.from_numpy(frozen.labels)
        # Images of none of the classes take no part.
        known = labels[found.labels >= 0]
        counts = known.bincount(minlength=len(self.shares))
        why = self._why_not(found.train_further, counts / len(known))
        # More classes than dimensions have no prototypes of one length.
        if why and len(counts) <= frozen.width:
            form = found.classifier.as_prototypes(frozen, found.unused)
            rows, scale = form.prototypes.cpu(), torch.tensor(form.scale)
            broadcast(rows)
            broadcast(scale)
            self._fit = rows, scale
            print_log(
                f'LattePlusTunedClassifier: {why}; the Gaussians are the '
                'classifier, and nothing is trained.',
                'current',
            )
        equal = (counts > 0) / (counts > 0).sum()
        self.shares.copy_(equal.lerp(counts / len(known), 1 - self.balance))
        return labels

    def _find(self, frozen: FrozenFeatures) -> LattePlusFit | AnsweredFit:
        """Return the fit to start from."""
        if self.given.fit is not None:
            return self.given.fit
        return agreed_latteplus(frozen, self.latteplus)

    def _why_not(self, gains: bool, shares: Tensor) -> str | None:
        """Say why not to train, if so; shares of all classes, (C,)."""
        if not gains and not self.always_train:
            return (
                'with so many images training would end below the Gaussians '
                '(always_train=True would train)'
            )
        perplexity = float(torch.special.entr(shares).sum().exp())
        least = self.min_perplexity * len(shares)
        if perplexity < least:
            return (
                f'the shares of {len(shares)} classes are uneven (perplexity '
                f'{perplexity:.2f}; min_perplexity would train from '
                f'{least:.2f} on)'
            )
        return None

    @torch.no_grad()
    def adopt_fit(self) -> None:
        """Predict by the Gaussians of `set_frozen`, if it found some."""
        if self._fit is None:
            return
        prototypes, scale = self._fit
        self.memory.reset(prototypes)
        self.fitted_scale.copy_(scale)
        self._fit = None
