from mmlatte.fits.label_propagation import (
    LabelPropagationOptions,
    ProjectedClassifier,
    fit_label_propagation,
)
from mmlatte.registry import MODELS

from .fitted import FittedClassifier


@MODELS.register_module()
class ReCLIPClassifier(FittedClassifier):
    """The first round of ReCLIP; see `fit_label_propagation`."""

    fit_function = staticmethod(fit_label_propagation)
    options_type = LabelPropagationOptions
    classifier_type = ProjectedClassifier

    @property
    def fitted_parameters(self) -> int:
        """int: Numbers of the image prototypes."""
        return self.nodes.numel()
