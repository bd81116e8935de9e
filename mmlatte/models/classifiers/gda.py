from mmlatte.fits.gda import GDAOptions, fit_gda
from mmlatte.registry import MODELS

from .fitted import FittedClassifier


@MODELS.register_module()
class GDAClassifier(FittedClassifier):
    """Gaussians fitted by EM; see `fit_gda` and `GDAOptions`."""

    fit_function = staticmethod(fit_gda)
    options_type = GDAOptions
