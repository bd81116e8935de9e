from mmlatte.fits.transclip import (
    TransCLIPOptions,
    TransductiveClassifier,
    fit_transclip,
)
from mmlatte.registry import MODELS

from .fitted import FittedClassifier


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
