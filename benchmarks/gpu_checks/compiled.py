"""``torch.compile`` and channels-last: the same features, and how fast."""

import shutil
from collections.abc import Iterator
from functools import partial
from statistics import median

import torch

from .sizes import Size, clip_config, seconds

#: Of unit features; kernels sum in another order, on GPUs with TF32.
MAX_DIFFERENCE = {'cuda': 5e-3, 'cpu': 1e-4}


def compiled(size: Size) -> Iterator[tuple[str, str]]:
    """Compile both towers."""
    if size.device == 'cpu' and shutil.which('g++') is None:
        yield 'torch.compile', 'skipped: not installed: g++'
        return
    yield 'torch.compile', _compare(size, size.vit, compile=True)


def channels_last(size: Size) -> Iterator[tuple[str, str]]:
    """Keep images and convolutions channels-last."""
    yield 'channels-last, CNN', _compare(size, size.cnn, channels_last=True)


def _compare(size: Size, model: str | dict, **settings) -> str:
    """Encode the same images with and without a setting."""
    import mmlatte.models  # noqa: F401
    from mmlatte.registry import MODELS

    config = clip_config(model)
    plain, other = (
        MODELS.build({**config, **more}).to(size.device).eval()
        for more in ({}, settings)
    )
    other.load_state_dict(plain.state_dict())
    torch.manual_seed(0)
    shape = (size.batch, 3, *plain.image_size)
    images = torch.randn(shape, device=size.device)
    times = {}
    with torch.no_grad():
        features = [clip.encode_image(images) for clip in (plain, other)]
        for name, clip in (('plain', plain), ('other', other)):
            times[name] = median(
                seconds(partial(clip.encode_image, images), size.device)
                for _ in range(5)
            )
    difference = (features[0] - features[1]).abs().max().item()
    text = (
        f'features differ by {difference:.1e}, '
        f'{times["plain"] / times["other"]:.2f} times as fast'
    )
    good = difference <= MAX_DIFFERENCE[size.device]
    return text if good else f'failed: {text}'
