from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier


@MODELS.register_module()
class ZeroShotCLIP(PrototypeClassifier):
    """CLIP as it is: prototypes are the encoded class texts, nothing trains.

    One template, or an ensemble of several: a class is the normalised mean of
    its normalised texts (CLIP, arXiv 2103.00020, section 3.1.4). See
    `PrototypeClassifier` for the arguments.
    """
