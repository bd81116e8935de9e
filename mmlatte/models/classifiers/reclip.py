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

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        # Before the images are looked at.
        self.options.check_classes(len(self.class_names))

    @property
    def fitted_parameters(self) -> int:
        """int: Numbers of the image prototypes."""
        return self.nodes.numel()
