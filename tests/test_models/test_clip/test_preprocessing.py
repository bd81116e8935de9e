"""mmpretrain's pipeline on Pillow equals open_clip's own transform."""

import numpy as np
import open_clip
import pytest
import torch
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from mmpretrain.registry import TRANSFORMS
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from PIL import Image

from mmlatte.datasets.transforms import LoadImage

HALF = (0.5, 0.5, 0.5)
SIZES = [(64, 64), (113, 257), (300, 201), (224, 225), (97, 50), (640, 481)]


def resize(mode: str, size: int) -> list[dict]:
    if mode == 'squash':
        return [
            dict(
                type='Resize',
                scale=(size, size),
                backend='pillow',
                interpolation='bicubic',
            )
        ]
    return [
        dict(
            type='ResizeEdge',
            scale=size,
            edge='short',
            backend='pillow',
            interpolation='bicubic',
        ),
        dict(type='CenterCrop', crop_size=size),
    ]


@pytest.mark.parametrize('suffix', ['png', 'jpg'])
@pytest.mark.parametrize(
    ('mode', 'size', 'mean', 'std'),
    [
        ('shortest', 224, OPENAI_DATASET_MEAN, OPENAI_DATASET_STD),
        ('shortest', 112, HALF, HALF),
        ('squash', 224, HALF, HALF),
    ],
)
def test_equals_open_clip(tmp_path, mode, size, mean, std, suffix):
    theirs = open_clip.image_transform(
        size,
        is_train=False,
        mean=mean,
        std=std,
        resize_mode=mode,
        interpolation='bicubic',
    )
    steps = [TRANSFORMS.build(step) for step in resize(mode, size)]
    pack = TRANSFORMS.build(dict(type='PackInputs', meta_keys=()))
    normalise = MMPRETRAIN_MODELS.build(
        dict(
            type='ClsDataPreprocessor',
            mean=[255 * value for value in mean],
            std=[255 * value for value in std],
            to_rgb=True,
        )
    )
    rng = np.random.default_rng(0)
    for height, width in SIZES:
        coarse = rng.integers(0, 256, (height // 4, width // 4, 3))
        image = Image.fromarray(coarse.astype(np.uint8))
        path = tmp_path / f'{height}x{width}.{suffix}'
        image.resize((width, height), Image.BILINEAR).save(path)

        sample = LoadImage()({'img_path': str(path)})
        for step in steps:
            sample = step(sample)
        ours = normalise({'inputs': pack(sample)['inputs'][None]})['inputs']

        expected = theirs(Image.open(path))[None]
        assert ours.shape == expected.shape == (1, 3, size, size)
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)
