"""The name of frozen features on disk: a hash of all they depend on."""

import hashlib
import json
from collections.abc import Sequence

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmlatte.datasets.sample_index import file_sizes, samples_of

__all__ = ['features_key']

#: Samples whose files' names and sizes are held at a time.
KEY_BLOCK = 65536
#: Files whose sizes are asked for.
MAX_SIZES = 262_144


def features_key(
    clip: str,
    pipeline: Sequence[dict],
    chunk_size: int,
    preprocessor: nn.Module,
    dataset: Dataset,
) -> str:
    """Name everything that the features of a dataset depend on.

    File sizes stand for the contents: another data set with the same file
    names must not get these features. They are asked for in threads, since
    network disks answer slowly; of more than 262,144 files it is every
    second, third ... one, evenly over the data, so that other data is still
    noticed, though not the exchange of one image among a million.

    Args:
        clip (str): Fingerprint of the frozen CLIP.
        pipeline (Sequence[dict]): Prepares the images.
        chunk_size (int): Samples per file while computing.
        preprocessor (nn.Module): Data preprocessor of the model.
        dataset (Dataset): The images.

    Returns:
        str: 16 hexadecimal digits.
    """
    digest = hashlib.sha256()
    parts = [clip, pipeline, chunk_size, *_mean_and_std(preprocessor)]
    # Only where it is off: features on disk, made with it, stay valid.
    if not _swaps_channels(preprocessor):
        parts.append('channels not swapped')
    digest.update(json.dumps(parts, sort_keys=True, default=str).encode())
    samples, total = samples_of(dataset), len(dataset)
    step = -(-total // MAX_SIZES)
    for start in range(0, total, KEY_BLOCK):
        stop = min(start + KEY_BLOCK, total)
        keys = np.asarray(samples.keys(start, stop), '<u8')
        digest.update(keys.tobytes())
        first = -start % step
        sizes = file_sizes(samples.paths(start + first, stop, step))
        digest.update(np.asarray(sizes, '<i8').tobytes())
    return digest.hexdigest()[:16]


# The preprocessors of mmengine and mmpretrain have no common base, and no
# mean and std where they do not normalise.


def _mean_and_std(preprocessor: nn.Module) -> list[list[float] | None]:
    found = [getattr(preprocessor, name, None) for name in ('mean', 'std')]
    return [None if f is None else f.flatten().tolist() for f in found]


def _swaps_channels(preprocessor: nn.Module) -> bool:
    """Whether BGR becomes RGB; the preprocessors name it differently."""
    swaps = getattr(preprocessor, '_channel_conversion', True)
    return getattr(preprocessor, 'to_rgb', swaps)
