"""The methods that fit frozen features, each a function and its options."""

from dataclasses import fields

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import (
    FrozenFeatures,
    GDAOptions,
    LabelPropagationOptions,
    LattePlusOptions,
    TransCLIPOptions,
    TransportOptions,
    fit_gda,
    fit_label_propagation,
    fit_latteplus,
    fit_transclip,
    fit_transport,
)
from mmlatte.fits.answers import AnswersOptions, NoneOfThese, fit_answered
from mmlatte.fits.label_propagation import ProjectedClassifier
from mmlatte.fits.transclip import TransductiveClassifier
from mmlatte.fits.transport import SourceClassifier
from mmlatte.models.precision import full_precision
from mmlatte.registry import MODELS

from .fitted import FittedClassifier

__all__ = [
    'AnswersClassifier',
    'GDAClassifier',
    'LattePlusClassifier',
    'ReCLIPClassifier',
    'TransCLIPClassifier',
    'TransportClassifier',
]


@MODELS.register_module()
class AnswersClassifier(FittedClassifier):
    """A few answers spread over the images; see `fit_answered`.

    Answers come through ``FrozenFeaturesHook(answers=FILE)``. Where some of
    them say "none of these", predictions have a ``none_probability``, see
    `NoneOfThese`.
    """

    takes_answers = True
    fit_function = staticmethod(fit_answered)
    options_type = AnswersOptions

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        empty = self.memory.prototypes.new_zeros(0)
        # Empty where nothing calibrates them; see AnyShapeBuffers.
        for field in fields(NoneOfThese):
            self.register_buffer(f'none_{field.name}', empty.clone())

    def fit(self, frozen: FrozenFeatures) -> None:
        """Fit the answers; keep what tells images of none of the classes."""
        super().fit(frozen)
        none = self.last_fit.none
        empty = self.memory.prototypes.new_zeros(0)
        for field in fields(NoneOfThese):
            value = empty if none is None else getattr(none, field.name)
            setattr(self, f'none_{field.name}', value.to(empty.device))

    @property
    def none_of_these(self) -> NoneOfThese | None:
        """NoneOfThese: None where nothing calibrated it."""
        if not self.none_calibration.numel():
            return None
        return NoneOfThese(
            self.none_weight, self.none_bias, self.none_calibration
        )

    @torch.no_grad()
    def predict_features(
        self, features: Tensor, data_samples: list[DataSample] | None = None
    ) -> list[DataSample]:
        """Predict; samples get a ``none_probability`` where it is known."""
        samples = super().predict_features(features, data_samples)
        none = self.none_of_these
        if none is None:
            return samples
        with full_precision(features):
            probabilities = none.probabilities(features)
        for sample, probability in zip(samples, probabilities, strict=True):
            sample.none_probability = probability
        return samples

    @property
    def estimated_top1(self) -> tuple[float, float, float] | None:
        """tuple: Of the last fit, in percent; None without one."""
        return self.last_fit.estimated_top1 if self.last_fit else None


@MODELS.register_module()
class GDAClassifier(FittedClassifier):
    """Gaussians fitted by EM; see `fit_gda` and `GDAOptions`."""

    fit_function = staticmethod(fit_gda)
    options_type = GDAOptions


@MODELS.register_module()
class LattePlusClassifier(FittedClassifier):
    """Clusters named without labels; see `fit_latteplus`."""

    fit_function = staticmethod(fit_latteplus)
    options_type = LattePlusOptions


@MODELS.register_module()
class ReCLIPClassifier(FittedClassifier):
    """The first round of ReCLIP; see `fit_label_propagation`."""

    fit_function = staticmethod(fit_label_propagation)
    options_type = LabelPropagationOptions
    classifier_type = ProjectedClassifier

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        # Before the images are encoded.
        self.options.check_classes(len(self.class_names))

    @property
    def fitted_parameters(self) -> int:
        """int: Numbers of the image prototypes."""
        return self.nodes.numel()


@MODELS.register_module()
class TransCLIPClassifier(FittedClassifier):
    """Images labelled together; see `fit_transclip`.

    Transductive: fit it on the images it is to predict (the config reads the
    test images, without labels).
    """

    transductive = True
    fit_function = staticmethod(fit_transclip)
    options_type = TransCLIPOptions
    classifier_type = TransductiveClassifier

    @property
    def fitted_parameters(self) -> int:
        """int: Numbers of assignments, means and variances."""
        return (
            self.assignments.numel()
            + self.means.numel()
            + self.variance.numel()
        )


@MODELS.register_module()
class TransportClassifier(FittedClassifier):
    """Classes with estimated shares, found by transport; `fit_transport`."""

    fit_function = staticmethod(fit_transport)
    options_type = TransportOptions
    classifier_type = SourceClassifier
    parts_encoders = True

    @property
    def fitted_parameters(self) -> int:
        """int: Numbers of means and variances."""
        return self.means.numel() + self.variance.numel()
