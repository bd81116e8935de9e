"""The module around any fit of frozen features."""

import logging
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from mmlatte.fits import (
    Fit,
    FrozenFeatures,
    gaussian_parameters,
    join_encoders,
    label_with_both,
)
from mmlatte.fits.linear_classifier import LinearClassifier
from mmlatte.fits.two_encoders import DIRECTIONS
from mmlatte.models.encoders import TwoEncoderPreprocessor
from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier

__all__ = ['FittedClassifier', 'log_fit']


class FittedClassifier(PrototypeClassifier):
    """Zero-shot CLIP, until a function of `mmlatte.fits` fits a classifier.

    What the function found lives in buffers of the names of its classifier's
    fields, so that a checkpoint alone predicts.

    Args:
        options (dict, optional): Of the function, see `options_type`.
        as_prototypes (bool): Write a linear classifier as unit prototypes and
            one scale (`prototype_form`), so that it can be exported; a few
            images in a hundred may change their label. Needs at most D
            classes. Defaults to False.
        second_encoder (dict | nn.Module, optional): Another frozen vision
            model, e.g. ``mmlatte.TimmEncoder``: images are labelled by the
            features of both, side by side. Such a classifier has no
            prototypes, and is not exported. With ``FrozenFeaturesHook(
            second_encoder=...)`` instead, both find the labels of the fitted
            images, and a classifier of CLIP's features alone learns them.
            Defaults to none.
        **kwargs: See `PrototypeClassifier`.

    Attributes:
        kept_zero_shot (bool): Whether the last fit stayed zero-shot CLIP.
        last_fit (Fit): What the last call of ``fit`` found; None before.
    """

    fits = True
    #: The function, its options and the classifier that it returns.
    fit_function: Callable[..., Fit]
    options_type: type[Any]
    classifier_type: type[Any] = LinearClassifier
    #: Whether the function itself tells the encoders apart.
    parts_encoders = False

    def __init__(
        self,
        *args,
        options: dict | None = None,
        as_prototypes: bool = False,
        second_encoder: dict | nn.Module | None = None,
        data_preprocessor: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, data_preprocessor=data_preprocessor, **kwargs)
        if second_encoder is not None:
            self._check_encoders(as_prototypes)
            built = isinstance(second_encoder, nn.Module)
            self.second_encoder = (
                second_encoder if built else MODELS.build(second_encoder)
            ).requires_grad_(False)
            given = {**(data_preprocessor or {})}
            given.pop('type', None)
            self.data_preprocessor = TwoEncoderPreprocessor(
                self.second_encoder.preprocess, **given
            )
            # As PrototypeClassifier sets it.
            self.data_preprocessor._non_blocking = True
        self.options = self.options_type(**(options or {}))
        self.as_prototypes = as_prototypes
        self.kept_zero_shot = False
        self.last_fit: Fit | None = None
        prototypes = self.memory.prototypes
        if as_prototypes:
            self._check_prototypes(*prototypes.shape)
            self.register_buffer('logit_scale', prototypes.new_zeros(()))
        else:
            # Empty until fitted; see AnyShapeBuffers.
            for name in self._fields():
                self.register_buffer(name, prototypes.new_zeros(0))

    def _check_encoders(self, as_prototypes: bool) -> None:
        linear = self.classifier_type is LinearClassifier
        if not (linear or self.parts_encoders):
            raise ValueError(
                f'{type(self).__name__} takes no model.second_encoder; '
                'latteplus, answers, gda and transport do'
            )
        if as_prototypes:
            raise ValueError(
                'model.as_prototypes=True, but two encoders have no '
                'prototypes: set it to False; or, to export one CLIP, name '
                'the encoder as default_hooks.frozen_features.second_encoder'
            )

    def _check_prototypes(self, classes: int, width: int) -> None:
        if self.classifier_type is not LinearClassifier:
            raise ValueError(
                f'{type(self).__name__} is no linear classifier of the '
                'features: set model.as_prototypes=False'
            )
        if not 2 <= classes <= width:
            raise ValueError(
                f'as_prototypes needs from 2 to {width} classes (the '
                f'dimensions of the features), got {classes}'
            )

    @property
    def reads_second(self) -> bool:  # type: ignore[override]
        """bool: Whether it fits CLIP to what two encoders say."""
        linear = self.classifier_type is LinearClassifier
        return linear and self.second_encoder is None

    @classmethod
    def _fields(cls) -> list[str]:
        return [field.name for field in fields(cls.classifier_type)]

    @property
    def fitted_parameters(self) -> int:
        """int: How many numbers are fitted: means and covariance."""
        classes, width = self.memory.prototypes.shape
        if self.second_encoder is not None:
            width += min(DIRECTIONS, self.second_encoder.embed_dim)
        return gaussian_parameters(classes, width)

    @property
    def uses_prototypes_only(self) -> bool:
        """bool: Whether the nearest prototype is all that predicts."""
        return self.as_prototypes

    @property
    def encodes_as_clip(self) -> bool:
        """bool: Whether image features are those of the CLIP alone."""
        return self.second_encoder is None

    @property
    def open_vocabulary(self) -> bool:  # type: ignore[override]
        """bool: Whether this is zero-shot CLIP still.

        Fitted prototypes lie where the images are, not the texts.
        """
        return self.as_prototypes and torch.equal(
            self.logit_scale, self.clip.scale.detach().to(self.logit_scale)
        )

    @property
    def prototype_scale(self) -> Tensor:
        """Tensor: Cosines with the prototypes times this are logits."""
        return self.logit_scale if self.as_prototypes else self.clip.scale

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

    @torch.no_grad()
    def init_weights(self) -> None:
        """Become zero-shot CLIP."""
        super().init_weights()
        if self.as_prototypes:
            self.logit_scale.copy_(self.clip.scale)
            return
        for name in self._fields():
            setattr(self, name, self.memory.prototypes.new_zeros(0))

    @torch.no_grad()
    def fit(self, frozen: FrozenFeatures) -> None:
        """Fit the features of the training images.

        Args:
            frozen (FrozenFeatures): N features.
        """
        frozen = frozen.on(self.memory.prototypes.device)
        fit = self._fit(frozen)
        log_fit(type(self).__name__, fit, self.class_names)
        self.kept_zero_shot = fit.kept_zero_shot
        self.last_fit = fit
        if not self.as_prototypes:
            for name in self._fields():
                setattr(self, name, getattr(fit.classifier, name))
        elif fit.kept_zero_shot:
            self.init_weights()
        else:
            form = fit.classifier.as_prototypes(frozen, fit.unused)
            print_log(
                f'As prototypes: {form.kept:.1%} of the fitted images keep '
                'their label',
                'current',
            )
            self.memory.reset(form.prototypes)
            self.logit_scale.fill_(form.scale)

    def _fit(self, frozen: FrozenFeatures) -> Fit:
        """Call the function on what it can read."""
        function = type(self).fit_function
        if frozen.second is None or self.parts_encoders:
            return function(frozen, self.options)
        if self.second_encoder is None:
            return label_with_both(
                frozen, lambda seen: function(seen, self.options)
            )
        joined = join_encoders(frozen)
        return joined.widen(function(joined.frozen, self.options))

    def extract_feat(
        self, inputs: Tensor | list[Tensor], stage: str | None = None
    ) -> Tensor:
        """Encode images; with two encoders, features lie side by side.

        Args:
            inputs (Tensor | list[Tensor]): (B, 3, H, W); with two encoders
                the same images as each of them sees them.
            stage (str, optional): Ignored; part of mmpretrain's interface.

        Raises:
            TypeError: If the second encoder finds no image.
        """
        if self.second_encoder is None:
            return super().extract_feat(inputs)
        if isinstance(inputs, Tensor):
            raise TypeError(
                f'{type(self).__name__} has a second encoder and got images '
                'for one: prepare them with two_views of '
                'mmlatte.datasets.clip_pipeline'
            )
        first, second = inputs
        features = self.second_encoder.encode_image(second)
        return torch.cat([super().extract_feat(first), features], dim=1)

    def feature_logits(self, features: Tensor) -> Tensor:
        """Return the log posteriors up to a constant, (B, C)."""
        if self.as_prototypes:
            return super().feature_logits(features)
        values = [getattr(self, name) for name in self._fields()]
        if not values[0].numel():  # not fitted: zero-shot CLIP
            return super().feature_logits(features[:, : self.clip.embed_dim])
        return self.classifier_type(*values).logits(features)


def log_fit(name: str, fit: Fit, class_names: list[str]) -> None:
    """Log what a user should know about a fit.

    Args:
        name (str): Who fitted.
        fit (Fit): What was found.
        class_names (list[str]): The C classes.
    """
    for note in fit.notes:
        print_log(f'{name}: {note}', 'current')
    if fit.kept_zero_shot:
        print_log(
            f'{name}: {fit.reason}; staying with zero-shot CLIP. Are all the '
            'class names right?',
            'current',
            level=logging.WARNING,
        )
    unused = [
        class_name
        for class_name, gone in zip(
            class_names, fit.unused.tolist(), strict=True
        )
        if gone
    ]
    if unused:
        print_log(
            f'{name}: no cluster of their own, and never predicted: '
            + ', '.join(unused),
            'current',
        )
