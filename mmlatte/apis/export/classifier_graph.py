import torch
import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from .bundle import Bundle


class ClassifierGraph(nn.Module):
    """Image tower and prototypes as one function of pixels.

    Args:
        bundle (Bundle): What is exported.
    """

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.visual = bundle.model.clip.visual
        shape = (1, 3, 1, 1)
        for name in ('mean', 'std'):
            values = torch.tensor(getattr(bundle.preprocessing, name))
            self.register_buffer(name, values.reshape(shape))
        self.register_buffer('weight', bundle.scale * bundle.prototypes)

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Classify images.

        Args:
            pixels (Tensor): RGB in 0..1, (B, 3, H, W), float32, resized and
                cropped but not normalised.

        Returns:
            tuple[Tensor, Tensor]: Logits (B, C), whose softmax is the
            confidence, and unit image features (B, D).
        """
        features = self.visual((pixels - self.mean) / self.std)
        if isinstance(features, tuple):  # CoCa's tower returns tokens too.
            features = features[0]
        features = F.normalize(features, dim=-1)
        return features @ self.weight.T, features
