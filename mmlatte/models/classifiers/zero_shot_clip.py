from torch import Tensor

from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier


@MODELS.register_module()
class ZeroShotCLIP(PrototypeClassifier):
    r"""CLIP as it is: prototypes are the encoded class texts, nothing trains.

    The texts t of a class c are its name in one or several templates (CLIP,
    arXiv 2103.00020, section 3.1.4), or sentences of a language model
    (``descriptions``). Two ways to score an image by several texts:

    .. math::
        \mathrm{mean:}\quad & \cos(f(x), \mathrm{mean}_t\, g(t))
        \qquad \text{(CLIP; CuPL, arXiv 2209.03320)} \\
        \mathrm{scores:}\quad & \mathrm{mean}_t \cos(f(x), g(t))
        \qquad \text{(DCLIP, arXiv 2210.07183)}

    The mean of scores is the dot product with the mean of texts that is not
    normalised: a class whose texts disagree scores lower.

    Args:
        score_by (str): ``'mean'`` or ``'scores'``. Defaults to ``'mean'``.
        **kwargs: See `PrototypeClassifier`.
    """

    def __init__(self, *args, score_by: str = 'mean', **kwargs) -> None:
        if score_by not in ('mean', 'scores'):
            raise ValueError(
                f"score_by must be 'mean' or 'scores', got {score_by!r}"
            )
        super().__init__(*args, **kwargs)
        self.score_by = score_by

    def encode_classes(self) -> Tensor:
        """Encode the classes; unit features only if scored by the mean.

        Returns:
            Tensor: Class features, (C, D).
        """
        if self.score_by == 'scores':
            return self._mean_class_features()
        return super().encode_classes()
