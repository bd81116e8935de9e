"""Joined, repeated and balanced data sets, against mmengine's own."""

import numpy as np
import pytest
from mmengine.dataset import DefaultSampler
from mmengine.logging import MMLogger
from PIL import Image

from mmlatte.datasets import GlobalBatchSampler
from mmlatte.datasets.joined_dataset import JoinedDataset
from mmlatte.datasets.sample_index import samples_of
from mmlatte.datasets.samplers import Repeats
from mmlatte.datasets.wrappers import (
    is_wrapped,
    leaf_configs,
    unwrap,
    with_pipeline,
)
from mmlatte.registry import DATASETS
from mmlatte.sample_key import sample_key


@pytest.fixture
def leaf(tmp_path):
    """``leaf('a', 3)``: config of a data set with 3 images per class."""

    def make(name: str, count: int, **options) -> dict:
        for kind in ('sea', 'city'):
            folder = tmp_path / name / kind
            folder.mkdir(parents=True, exist_ok=True)
            for n in range(count if kind == 'sea' else 1):
                Image.new('RGB', (8, 8), (n, 0, 0)).save(folder / f'{n}.png')
        return dict(
            type='mmlatte.ClassFolder',
            data_root=str(tmp_path / name),
            metainfo=dict(classes=('city', 'sea')),
            pipeline=[],
            **options,
        )

    return make


def paths(dataset, order=None) -> list[str]:
    order = range(len(dataset)) if order is None else order
    return [dataset.get_data_info(int(i))['img_path'] for i in order]


@pytest.mark.parametrize(
    'wrap',
    [
        lambda a, b: dict(type='ConcatDataset', datasets=[a, b]),
        lambda a, b: dict(type='RepeatDataset', dataset=a, times=3),
        lambda a, b: dict(
            type='ClassBalancedDataset', dataset=a, oversample_thr=0.9
        ),
        lambda a, b: dict(
            type='RepeatDataset',
            times=2,
            dataset=dict(type='ConcatDataset', datasets=[a, b]),
        ),
    ],
    ids=['concat', 'repeat', 'balanced', 'both'],
)
def test_an_epoch_has_the_samples_of_mmengines(leaf, wrap):
    config = wrap(leaf('a', 3), leaf('b', 2))
    assert is_wrapped(config)
    theirs = DATASETS.build(config)
    distinct, order = unwrap(theirs)
    assert paths(distinct, order) == paths(theirs)
    assert len(set(paths(distinct))) == len(distinct)
    for i in range(len(distinct)):
        assert distinct.get_data_info(i)['sample_idx'] == i
        assert distinct[i]['sample_idx'] == i


def test_a_plain_data_set_stays_as_it_is(leaf):
    config = leaf('a', 2)
    dataset = DATASETS.build(config)
    assert not is_wrapped(config)
    assert unwrap(dataset) == (dataset, None)


def test_joined_samples_equal_a_loop(leaf, tmp_path):
    parts = [DATASETS.build(leaf(name, n)) for name, n in (('a', 3), ('b', 2))]
    joined = JoinedDataset(parts)
    infos = [part.get_data_info(i) for part in parts for i in range(len(part))]
    assert joined.data_root == str(tmp_path)
    samples = samples_of(joined)
    ids = [info['img_path'][len(f'{tmp_path}/') :] for info in infos]
    assert samples.names() == ids and len(set(ids)) == 7
    assert samples.names(1, 6, 2) == ids[1:6:2]
    assert samples.paths(2, 5) == [i['img_path'] for i in infos[2:5]]
    assert samples.keys(3, 5).tolist() == [sample_key(i) for i in ids[3:5]]
    assert samples.labels.tolist() == [info['gt_label'] for info in infos]
    assert joined.get_data_info(-1)['sample_id'] == ids[-1]
    assert joined.metainfo['classes'] == ('city', 'sea')


def test_every_part_has_its_own_pipeline(leaf):
    parts = [
        DATASETS.build(leaf(name, 1, **{'indices': 1})) for name in ('a', 'b')
    ]
    for number, part in enumerate(parts):
        part.pipeline.transforms = [
            lambda info, number=number: {**info, 'part': number}
        ]
    joined = JoinedDataset(parts)
    assert [joined[i]['part'] for i in range(2)] == [0, 1]
    assert len(joined.pipeline.transforms) == 2


def test_other_classes_are_refused(leaf):
    one, two = leaf('a', 1), leaf('b', 1)
    two['metainfo'] = dict(classes=('sea', 'city'))
    with pytest.raises(ValueError, match='the same classes in the same order'):
        JoinedDataset([DATASETS.build(config) for config in (one, two)])


def test_balancing_by_labels_is_said(leaf, monkeypatch):
    heard: list[str] = []
    logger = MMLogger.get_instance('balanced')
    monkeypatch.setattr(logger, 'handle', lambda r: heard.append(r.msg))
    config = dict(
        type='ClassBalancedDataset', dataset=leaf('a', 3), oversample_thr=0.9
    )
    unwrap(DATASETS.build(config))
    assert sum('not label-free' in line for line in heard) == 1


def test_pipelines_of_all_parts(leaf):
    inner = dict(type='ConcatDataset', datasets=[leaf('a', 1), leaf('b', 1)])
    config = dict(type='RepeatDataset', dataset=inner, times=2)
    changed = with_pipeline(config, [dict(type='x')])
    assert [one['pipeline'] for one in leaf_configs(changed)] == [
        [dict(type='x')],
        [dict(type='x')],
    ]
    assert [one['pipeline'] for one in leaf_configs(config)] == [[], []]


def test_batches_of_repeats():
    rows = np.array([2, 0, 2, 1])
    sampler = DefaultSampler(Repeats(rows), shuffle=False)
    assert list(GlobalBatchSampler(sampler, 3)) == [[2, 0, 2], [1]]
    sampler = DefaultSampler(Repeats(rows), shuffle=True, seed=0)
    (batch,) = GlobalBatchSampler(sampler, 4)
    assert sorted(batch) == [0, 1, 2, 2]
