from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from mmlatte.models.clip.fingerprint import fingerprint


class FrozenEncoder(nn.Module):
    """A vision model that never trains, and how its images are prepared.

    It has of `OpenCLIP` what an image encoder needs, so that another CLIP can
    stand in its place.

    Args:
        model_name (str): What it is called in summaries and reports.
        model (nn.Module): Encodes normalised images (B, 3, H, W).
        embed_dim (int): Width of its features.
        image_size (tuple[int, int]): Height and width of its input.
        preprocess (dict): ``mean`` and ``std`` of pixels in 0..1,
            ``interpolation``, ``resize_mode``, and ``resize`` where images
            are larger before the crop; see `clip_eval_pipeline`.
    """

    def __init__(
        self,
        model_name: str,
        model: nn.Module,
        embed_dim: int,
        image_size: tuple[int, int],
        preprocess: dict[str, Any],
    ) -> None:
        super().__init__()
        self.model_name = model_name
        self.model = model.requires_grad_(False)
        self.embed_dim = embed_dim
        self.image_size = image_size
        self.preprocess = preprocess
        self.eval()

    def features(self, images: Tensor) -> Tensor:
        """Return the features of normalised images, (B, D)."""
        return self.model(images)

    def encode_image(self, images: Tensor) -> Tensor:
        """Encode images.

        Args:
            images (Tensor): (B, 3, H, W) normalised images.

        Returns:
            Tensor: (B, D) features of unit length.
        """
        return F.normalize(self.features(images).float(), dim=-1)

    def facts(self) -> list:
        """Return what features depend on beside weights, as JSON can hold."""
        return [type(self).__name__, [*self.image_size], self.preprocess]

    def fingerprint(self) -> str:
        """Return a hash of model, preprocessing and weights.

        With equal ones features are equal; paths do not count.
        """
        return fingerprint(self.facts(), self.state_dict())

    def train(self, mode: bool = True) -> 'FrozenEncoder':
        """Stay in eval mode."""
        return super().train(False)
