from mmlatte.fits.latteplus import LattePlusOptions, fit_latteplus
from mmlatte.registry import MODELS

from .fitted import FittedClassifier


@MODELS.register_module()
class LattePlusClassifier(FittedClassifier):
    """Clusters named without labels; see `fit_latteplus`."""

    fit_function = staticmethod(fit_latteplus)
    options_type = LattePlusOptions
