import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmpretrain.structures import DataSample
from torch.utils.data import DataLoader

from mmlatte.datasets import CoOpSplitDataset, stack_samples
from mmlatte.registry import MODELS


def packed(index: int, views: int) -> dict:
    image = torch.full((3, 4, 5), float(index))
    inputs = [image + 100 * v for v in range(views)] if views else image
    sample = DataSample(metainfo=dict(sample_idx=index))
    return dict(inputs=inputs, data_samples=sample)


@settings(max_examples=30, deadline=None)
@given(batch=st.integers(1, 7), views=st.integers(1, 5))
def test_views_come_back_by_chunk(batch, views):
    result = stack_samples([packed(i, views) for i in range(batch)])
    assert result['inputs'].shape == (batch * views, 3, 4, 5)
    for v, view in enumerate(result['inputs'].chunk(views)):
        expected = [i + 100 * v for i in range(batch)]
        assert view[:, 0, 0, 0].tolist() == expected
    ids = [sample.sample_idx for sample in result['data_samples']]
    assert ids == list(range(batch))


def test_single_images_stay_as_they_were():
    result = stack_samples([packed(i, 0) for i in range(3)])
    assert result['inputs'].shape == (3, 3, 4, 5)
    assert len(result['data_samples']) == 3


def test_different_numbers_of_views_are_refused():
    with pytest.raises(ValueError, match='views'):
        stack_samples([packed(0, 2), packed(1, 3)])


def pipeline() -> list[dict]:
    crop = dict(
        type='mmpretrain.RandomResizedCrop', scale=16, backend='pillow'
    )
    resize = dict(type='mmpretrain.Resize', scale=(16, 16), backend='pillow')
    return [
        dict(type='mmlatte.DropLabels'),
        dict(type='mmlatte.SeedPerSample', seed=3),
        dict(type='mmlatte.LoadImage'),
        dict(
            type='mmpretrain.MultiView',
            num_views=[1, 2],
            transforms=[[resize], [crop]],
        ),
        dict(
            type='mmpretrain.PackInputs',
            meta_keys=('sample_id', 'sample_idx'),
        ),
    ]


def views_of(root, workers: int) -> torch.Tensor:
    dataset = CoOpSplitDataset(
        data_root=str(root),
        split_file='split_zhou_EuroSAT.json',
        split='train',
        image_folder='2750',
        pipeline=pipeline(),
    )
    loader = DataLoader(
        dataset, batch_size=5, num_workers=workers, collate_fn=stack_samples
    )
    preprocessor = MODELS.build(
        dict(
            type='mmpretrain.ClsDataPreprocessor',
            mean=[127.5] * 3,
            std=[127.5] * 3,
            to_rgb=True,
        )
    )
    parts = []
    for batch in loader:
        batch = preprocessor(batch, training=True)
        samples = batch['data_samples']
        assert all('gt_label' not in sample for sample in samples)
        views = batch['inputs'].chunk(3)
        assert all(len(view) == len(samples) for view in views)
        parts.append(torch.stack(views, dim=1))
    return torch.cat(parts)


def test_views_of_an_image_are_drawn_apart_and_reproducibly(tiny_eurosat):
    """Views are (N, 3 views, 3, 16, 16); the weak one is not random."""
    views = views_of(tiny_eurosat, workers=0)
    assert views.shape[1:] == (3, 3, 16, 16)
    weak, first, second = views.unbind(dim=1)
    assert (first - second).abs().flatten(1).amax(dim=1).min() > 0
    # All are views of one image: every class has a colour of its own.
    colours = [v.mean(dim=(2, 3)).numpy() for v in (weak, first)]
    distances = np.linalg.norm(colours[0][:, None] - colours[1], axis=2)
    assert np.diag(distances).max() < 0.2
    assert torch.equal(views, views_of(tiny_eurosat, workers=2))
