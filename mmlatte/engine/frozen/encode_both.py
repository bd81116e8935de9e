"""One pass over the images for two encoders: each image is decoded once."""

import dataclasses

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from mmlatte.datasets.clip_pipeline import two_views

from .frozen_pass import FrozenPass
from .pair_cache import PairCache
from .second_features import EncoderLook

__all__ = ['encode_both']


class _BothLooks(nn.Module):
    """CLIP and a second encoder as the one model that a pass wants.

    Args:
        model (PrototypeClassifier): Has the CLIP.
        look (EncoderLook): Has the second encoder.
    """

    def __init__(self, model: nn.Module, look: EncoderLook) -> None:
        super().__init__()
        self.looks = nn.ModuleList([model, look])
        self.train(model.training)

    @property
    def clip(self) -> '_BothLooks':
        """_BothLooks: What encodes."""
        return self

    def data_preprocessor(self, data: dict, training: bool) -> dict:
        """Normalise the views of both, a list of (B, 3, H, W)."""
        pairs = zip(self.looks, data['inputs'], strict=True)
        return dict(
            inputs=[
                look.data_preprocessor(dict(inputs=view), training)['inputs']
                for look, view in pairs
            ]
        )

    def encode_image(self, views: list[Tensor]) -> Tensor:
        """Encode both views, (B, D1 + D2)."""
        pairs = zip(self.looks, views, strict=True)
        features = [
            look.clip.encode_image(view).float() for look, view in pairs
        ]
        return torch.cat(features, dim=1)


def encode_both(
    clip_pass: FrozenPass,
    model: nn.Module,
    encoder: nn.Module | None,
    dataset: Dataset,
) -> None:
    """Fill the caches of CLIP and of a second encoder, where both lack some.

    Where one of them is complete the pass of the other one is as cheap.

    Args:
        clip_pass (FrozenPass): Of CLIP, with its pipeline.
        model (PrototypeClassifier): Has the CLIP.
        encoder (nn.Module, optional): None does nothing.
        dataset (Dataset): The images.

    Raises:
        UnreadableImagesError: Lists all images that cannot be read.
    """
    if encoder is None:
        return
    look = EncoderLook(encoder, clip_pass.pipeline[0])
    second_pass = dataclasses.replace(clip_pass, pipeline=look.pipeline)
    first = clip_pass.cache(model, dataset, model.clip.fingerprint())
    second = second_pass.cache(look, dataset, encoder.fingerprint())
    if first.complete or second.complete:
        return
    pipeline = two_views(clip_pass.pipeline, encoder)
    both = dataclasses.replace(clip_pass, pipeline=pipeline)
    both.fill(
        _BothLooks(model, look),
        dataset,
        PairCache(first, second, model.clip.embed_dim),
    )
