import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.models.given_labels import GivenLabels
from mmlatte.models.precision import forget_casts

from .prototype_classifier import PrototypeClassifier


class SelfTrainingClassifier(PrototypeClassifier):
    """What learns from its own labels of several views of every image.

    The classifier starts from the class texts and learns with the image
    tower; the text tower is not used again and must not train.

    Args:
        *args: See `PrototypeClassifier`.
        memory (dict, optional): Config of the classifier. Defaults to
            ``mmlatte.LearnedPrototypes``.
        **kwargs: See `PrototypeClassifier`.

    Raises:
        ValueError: If the text tower trains.
    """

    needs_frozen = True
    takes_answers = True
    #: Views of every image that `loss` gets, in their order.
    views: tuple[str, ...] = ('weak', 'strong')

    def __init__(self, *args, memory: dict | None = None, **kwargs) -> None:
        memory = {'type': 'mmlatte.LearnedPrototypes', **(memory or {})}
        super().__init__(*args, memory=memory, **kwargs)
        if not self.clip.text_is_frozen:
            raise ValueError(
                f'{type(self).__name__} uses no text after the start: set '
                'clip.freeze_text=True, or a tuning of the image tower'
            )
        # The temperature of all its distributions.
        self.clip.logit_scale.requires_grad_(False)
        self.frozen: FrozenFeatures | None = None

    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Take the frozen features of the training images, and answers."""
        self.given = GivenLabels(frozen)
        self.frozen = self.given.frozen

    def split_views(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> tuple[Tensor, ...]:
        """Return the views, (B, 3, H, W) each.

        Raises:
            ValueError: If the batch holds another number of views.
        """
        expected = len(self.views)
        if len(inputs) != expected * len(data_samples):
            raise ValueError(
                f'{type(self).__name__} got {len(inputs)} inputs for '
                f'{len(data_samples)} samples; it needs {expected} views of '
                f'each ({", ".join(self.views)}): draw them with '
                'mmpretrain.MultiView in the train pipeline and stack them '
                'with mmlatte.stack_samples'
            )
        return inputs.chunk(expected)

    @torch.no_grad()
    def look(self, inputs: Tensor) -> Tensor:
        """Encode images that no gradient goes through, (B, D)."""
        features = self.extract_feat(inputs)
        forget_casts()
        return features
