"""The name of frozen features on disk: a hash of how they are made."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from torch import nn

__all__ = ['features_folder', 'features_key']


def features_key(
    clip: str, pipeline: Sequence[dict], preprocessor: nn.Module
) -> str:
    """Name everything that the feature of an image depends on but the image.

    Args:
        clip (str): Fingerprint of the frozen CLIP.
        pipeline (Sequence[dict]): Prepares the images.
        preprocessor (nn.Module): Data preprocessor of the model.

    Returns:
        str: 16 hexadecimal digits.
    """
    parts = [
        clip,
        pipeline,
        *_mean_and_std(preprocessor),
        _swaps_channels(preprocessor),
    ]
    content = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def features_folder(cache_dir: str | Path, key: str) -> Path:
    """Return the folder of the features of a key."""
    return Path(cache_dir) / f'features-{key}'


# The preprocessors of mmengine and mmpretrain have no common base, and no
# mean and std where they do not normalise.


def _mean_and_std(preprocessor: nn.Module) -> list[list[float] | None]:
    found = [getattr(preprocessor, name, None) for name in ('mean', 'std')]
    return [None if f is None else f.flatten().tolist() for f in found]


def _swaps_channels(preprocessor: nn.Module) -> bool:
    """Whether BGR becomes RGB; the preprocessors name it differently."""
    swaps = getattr(preprocessor, '_channel_conversion', True)
    return getattr(preprocessor, 'to_rgb', swaps)
