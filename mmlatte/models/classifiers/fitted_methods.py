"""The methods that fit frozen features, each a function and its options."""

from mmlatte.fits import (
    GDAOptions,
    LabelPropagationOptions,
    LattePlusOptions,
    TransCLIPOptions,
    fit_gda,
    fit_label_propagation,
    fit_latteplus,
    fit_transclip,
)
from mmlatte.fits.answers import AnswersOptions, fit_answered
from mmlatte.fits.label_propagation import ProjectedClassifier
from mmlatte.fits.transclip import TransductiveClassifier
from mmlatte.registry import MODELS

from .fitted import FittedClassifier

__all__ = [
    'AnswersClassifier',
    'GDAClassifier',
    'LattePlusClassifier',
    'ReCLIPClassifier',
    'TransCLIPClassifier',
]


@MODELS.register_module()
class AnswersClassifier(FittedClassifier):
    """A few answers spread over the images; see `fit_answered`.

    Answers come through ``FrozenFeaturesHook(answers=FILE)``.
    """

    takes_answers = True
    fit_function = staticmethod(fit_answered)
    options_type = AnswersOptions

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
