"""mmpretrain's pipeline on Pillow equals open_clip's own transform."""

import numpy as np
import open_clip
import pytest
import torch
from mmengine.dataset import Compose
from mmpretrain.registry import MODELS as MMPRETRAIN_MODELS
from open_clip.constants import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from PIL import Image

from mmlatte.datasets.clip_pipeline import clip_eval_pipeline

HALF = (0.5, 0.5, 0.5)
SIZES = [(64, 64), (113, 257), (300, 201), (224, 225), (97, 50), (640, 481)]


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
    facts = dict(interpolation='bicubic', resize_mode=mode)
    pipeline = Compose(clip_eval_pipeline((size, size), facts))
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

        sample = pipeline({'img_path': str(path)})
        ours = normalise({'inputs': sample['inputs'][None]})['inputs']

        expected = theirs(Image.open(path))[None]
        assert ours.shape == expected.shape == (1, 3, size, size)
        torch.testing.assert_close(ours, expected, rtol=0, atol=1e-5)


def test_other_ways_to_resize_are_refused():
    facts = dict(interpolation='bicubic', resize_mode='longest')
    with pytest.raises(ValueError, match='longest'):
        clip_eval_pipeline((224, 224), facts)
