"""Gaussian discriminant analysis without labels (arXiv 2402.04087)."""

import logging
from collections.abc import Callable

import torch
from mmengine.logging import print_log
from torch import Tensor

from mmlatte.models.frozen_features import FrozenFeatures
from mmlatte.models.linear_discriminants import (
    gaussian_parameters,
    linear_discriminants,
)
from mmlatte.models.prototype_form import prototype_form
from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier, full_precision

#: Slice of samples, features (n, D) -> posteriors (n, C).
Posterior = Callable[[slice, Tensor], Tensor]
#: From the mean logit to that of a class that gets no image; infinity makes
#: NaN of entropies.
IMPOSSIBLE = -1e4


@MODELS.register_module()
class GDAClassifier(PrototypeClassifier):
    r"""Fit one Gaussian per class to frozen features by EM; no gradient.

    Classes share a covariance and have equal priors, so the classifier is
    linear. Starting from the zero-shot posteriors
    :math:`\gamma_i = \mathrm{softmax}(s f_i^\top m)`, repeat

    .. math::
        \mathrm{M:}\quad
        \mu_c &= \textstyle\sum_i \gamma_{ic} f_i / \sum_i \gamma_{ic}, \quad
        W, b = \text{`linear_discriminants`} \\
        \mathrm{E:}\quad \gamma_i &= \mathrm{softmax}(W f_i + b)

    until no label changes any more. The paper describes such a variant, and
    its released code does not hold it: this is our reading. The shrinkage is
    the code's, :math:`\Sigma_s^{-1} \propto ((N - 1) \Sigma + \mathrm{tr}
    \Sigma I)^{-1}`, that is s = D / (N - 1 + D). The code's blend with the
    zero-shot logits, whose weight it tunes on labels, is left out.

    A class with less than one image in all keeps its mean, at first its text
    feature. Given labels in place of the posteriors, an M step is linear
    discriminant analysis.

    Args:
        iterations (int): EM steps at most. Defaults to 100.
        shrinkage (float, optional): s in (0, 1]. Defaults to the code's.
        estimate_priors (bool): Let the classes' shares of the images differ:
            adds log((n_c + 1) / (N + C)) to b_c. Defaults to False.
        as_prototypes (bool): In the end write the classifier as unit
            prototypes and one scale (`prototype_form`), so that it can be
            exported; a few images in a hundred may change their label. Needs
            at most D classes. Defaults to False.
        **kwargs: See `PrototypeClassifier`.
    """

    weight: Tensor
    bias: Tensor
    logit_scale: Tensor
    fits = True
    #: Whether a fit says what it does.
    verbose = True

    def __init__(
        self,
        *args,
        iterations: int = 100,
        shrinkage: float | None = None,
        estimate_priors: bool = False,
        as_prototypes: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.estimate_priors = estimate_priors
        self.as_prototypes = as_prototypes
        if shrinkage is not None and not 0 < shrinkage <= 1:
            raise ValueError(f'shrinkage must be in (0, 1], got {shrinkage}')
        if iterations < 1:
            raise ValueError(f'iterations must be positive, got {iterations}')
        self.iterations = iterations
        self.shrinkage = shrinkage
        prototypes = self.memory.prototypes
        self.register_buffer('weight', torch.zeros_like(prototypes))
        self.register_buffer('bias', prototypes.new_zeros(len(prototypes)))
        if as_prototypes:
            classes, width = prototypes.shape
            if not 2 <= classes <= width:
                raise ValueError(
                    f'as_prototypes needs from 2 to {width} classes (the '
                    f'dimensions of the features), got {classes}'
                )
            self.register_buffer('logit_scale', prototypes.new_zeros(()))

    @property
    def fitted_parameters(self) -> int:
        """int: Numbers of the means and of the covariance."""
        return gaussian_parameters(*self.weight.shape)

    @property
    def uses_prototypes_only(self) -> bool:
        """bool: Whether the nearest prototype is all that predicts."""
        return self.as_prototypes

    @property
    def open_vocabulary(self) -> bool:
        """bool: Whether this is zero-shot CLIP still.

        Fitted prototypes lie where the images are, not the texts.
        """
        return self.as_prototypes and torch.equal(
            self.logit_scale, self.clip.scale.detach().to(self.logit_scale)
        )

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # Without its scale a checkpoint of a linear classifier would give all
        # images one class, where loading is not strict.
        missing = f'{prefix}logit_scale' not in state_dict
        if self.as_prototypes and missing and f'{prefix}weight' in state_dict:
            raise RuntimeError(
                'the checkpoint was fitted without as_prototypes: set '
                'model.as_prototypes=False, or fit again'
            )
        super()._load_from_state_dict(state_dict, prefix, *args)

    @property
    def prototype_scale(self) -> Tensor:
        """Tensor: Cosines with the prototypes times this are logits."""
        return self.logit_scale if self.as_prototypes else self.clip.scale

    @torch.no_grad()
    def init_weights(self) -> None:
        """Start as zero-shot CLIP, which is linear as well."""
        super().init_weights()
        self.weight.copy_(self.clip.scale * self.memory.prototypes)
        self.bias.zero_()
        if self.as_prototypes:
            self.logit_scale.copy_(self.clip.scale)

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the log posteriors up to a constant, (B, C)."""
        if self.as_prototypes:
            return super().logits(inputs)
        if not self.memory.is_initialised:
            self.init_weights()
        features = self.extract_feat(inputs)
        with full_precision(features):
            return features @ self.weight.T + self.bias

    @torch.no_grad()
    def fit(self, frozen: FrozenFeatures) -> None:
        """Run EM on the features of the training images.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
        """
        self.maximise(frozen, self.start(frozen))
        if self.as_prototypes:
            self.adopt_prototypes(frozen)

    def maximise(
        self,
        frozen: FrozenFeatures,
        posterior: Posterior,
        without: Tensor | None = None,
        iterations: int | None = None,
    ) -> None:
        """Run EM from the posteriors of a first E step.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
            posterior (Callable): See `start`.
            without (Tensor, optional): bool (C,), classes that get no image.
            iterations (int, optional): M steps at most. Defaults to those of
                the model.
        """
        weight, bias = self._wide(self.weight), self._wide(self.bias)
        means = self._wide(torch.from_numpy(frozen.class_features))
        second = sum(f.T @ f for _, f in self._chunks(frozen))
        shrinkage = self.shrinkage
        if shrinkage is None:
            shrinkage = self._shrinkage(frozen)
        labels = torch.full((len(frozen),), -1, device=weight.device)
        for _ in range(iterations or self.iterations):
            counts = weight.new_zeros(len(weight))
            sums = torch.zeros_like(weight)
            changed = 0
            for part, features in self._chunks(frozen):
                gamma = posterior(part, features)
                new = gamma.argmax(dim=1)
                changed += int((new != labels[part]).sum())
                labels[part] = new
                counts += gamma.sum(dim=0)
                sums += gamma.T @ features
            if not changed:
                break
            known = counts.unsqueeze(1) >= 1
            means = torch.where(known, sums / counts.unsqueeze(1), means)
            weight, bias = linear_discriminants(
                means, counts, sums, second, shrinkage
            )
            if self.estimate_priors:
                share = (counts + 1) / (len(frozen) + len(counts))
                bias = bias + share.log()
            if without is not None:
                weight[without] = weight[~without].mean(dim=0)
                bias[without] = bias[~without].mean() + IMPOSSIBLE
            posterior = linear_posterior(weight, bias)
        if iterations is None:
            self._log(
                f'EM: {changed} of {len(frozen)} labels changed in the last '
                'step'
            )
        self.weight.copy_(weight)
        self.bias.copy_(bias)

    def adopt_prototypes(
        self, frozen: FrozenFeatures, without: Tensor | None = None
    ) -> None:
        """Write the fitted classifier as prototypes and a scale.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
            without (Tensor, optional): See `maximise`.
        """
        rows, scale = self.as_rows(frozen, without)
        self.memory.reset(rows)
        self.logit_scale.fill_(scale)
        self.weight.copy_(scale * rows)
        self.bias.zero_()

    def as_rows(
        self, frozen: FrozenFeatures, without: Tensor | None = None
    ) -> tuple[Tensor, float]:
        """Return the fitted classifier in `prototype_form`.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.
            without (Tensor, optional): See `maximise`.

        Returns:
            tuple[Tensor, float]: Unit prototypes (C, D) and their scale.
        """
        weight, bias = self._wide(self.weight), self._wide(self.bias)
        second, mean = 0.0, 0.0
        for _, features in self._chunks(frozen):
            second = second + features.T @ features / len(frozen)
            mean = mean + features.sum(dim=0) / len(frozen)
        if without is None:
            without = torch.zeros_like(bias, dtype=torch.bool)
        rows, scale = prototype_form(
            weight, bias, second, mean, ~without, self._shrinkage(frozen)
        )
        rows = rows.to(weight)
        same = sum(
            int(
                torch.eq(
                    (f @ weight.T + bias).argmax(dim=1),
                    (f @ rows.T).argmax(dim=1),
                ).sum()
            )
            for _, f in self._chunks(frozen)
        )
        self._log(
            f'As prototypes: {same / len(frozen):.1%} of the fitted images '
            'keep their label'
        )
        return rows.to(self.weight), scale

    def start(self, frozen: FrozenFeatures) -> Posterior:
        """Return the first posteriors, those of zero-shot CLIP.

        Args:
            frozen (FrozenFeatures): The features that will be fitted.

        Returns:
            Callable: Slice of samples and their features (n, D) ->
            posteriors (n, C).
        """
        return linear_posterior(self._wide(self.weight), self._wide(self.bias))

    def assign(self, frozen: FrozenFeatures) -> Tensor:
        """Label features with the fitted classifier.

        Args:
            frozen (FrozenFeatures): N features; they are read in chunks.

        Returns:
            Tensor: int64 (N,), on the host.
        """
        return torch.cat(
            [self._label(f).cpu() for _, f in self._chunks(frozen)]
        )

    def _label(self, features: Tensor) -> Tensor:
        """Label features (n, D) of double precision, int64 (n,)."""
        weight, bias = self._wide(self.weight), self._wide(self.bias)
        return (features @ weight.T + bias).argmax(dim=1)

    def _log(self, text: str, level: int = logging.INFO) -> None:
        if self.verbose:
            print_log(text, 'current', level=level)

    def _shrinkage(self, frozen: FrozenFeatures) -> float:
        """That of the code, s = D / (N - 1 + D)."""
        width = self.weight.shape[1]
        return width / (len(frozen) - 1 + width)

    def _wide(self, tensor: Tensor) -> Tensor:
        """Double precision, where the device has it."""
        device = self.weight.device
        wide = torch.float32 if device.type == 'mps' else torch.float64
        return tensor.to(device, wide)

    def _chunks(self, frozen: FrozenFeatures):
        for part, features in frozen.chunks():
            yield part, self._wide(features)


def linear_posterior(weight: Tensor, bias: Tensor) -> Posterior:
    """Return the E step of a linear classifier."""
    return lambda part, features: (features @ weight.T + bias).softmax(dim=1)
