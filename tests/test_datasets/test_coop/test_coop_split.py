import json

import numpy as np
import pytest

from mmlatte.registry import DATASETS

NAMES = ('forest', 'highway or road', 'sea or lake')


def build(root, **kwargs):
    return DATASETS.build(
        dict(
            type='mmlatte.CoOpSplitDataset',
            data_root=str(root),
            split_file='split_zhou_EuroSAT.json',
            image_folder='2750',
            **kwargs,
        )
    )


def edit_split(root, tmp_path, change):
    """Write a changed copy of the split file; return its path."""
    parts = json.loads((root / 'split_zhou_EuroSAT.json').read_text())
    change(parts)
    path = tmp_path / 'split.json'
    path.write_text(json.dumps(parts))
    return str(path)


def test_train_is_train_and_val(tiny_eurosat):
    train = build(tiny_eurosat)
    test = build(tiny_eurosat, split='test')
    assert (len(train), len(test)) == (15, 9)
    assert train.metainfo['classes'] == NAMES
    info = train.get_data_info(3)
    folder, _ = info['sample_id'].split('/')
    label = ['Forest', 'Highway', 'SeaLake'].index(folder)
    assert info == {
        'img_path': str(tiny_eurosat / '2750' / info['sample_id']),
        'sample_id': info['sample_id'],
        'sample_idx': 3,
        'gt_label': label,
    }
    ids = {
        d.get_data_info(i)['sample_id'] for d in (train,) for i in range(15)
    }
    held = {test.get_data_info(i)['sample_id'] for i in range(9)}
    assert len(ids) == 15 and len(held) == 9 and not ids & held


def test_order_ignores_file_order_and_labels(tiny_eurosat, tmp_path):
    def change(parts):
        parts['train'].reverse()
        for entry in parts['train'] + parts['val'] + parts['test']:
            entry[1] = 2 - entry[1]

    path = edit_split(tiny_eurosat, tmp_path, change)
    dataset = build(tiny_eurosat)
    other = DATASETS.build(
        dict(
            type='mmlatte.CoOpSplitDataset',
            data_root=str(tiny_eurosat / '2750'),
            split_file=path,
        )
    )
    for i in range(15):
        a, b = dataset.get_data_info(i), other.get_data_info(i)
        assert a['sample_id'] == b['sample_id']
        assert a['gt_label'] == 2 - b['gt_label']
    assert other.metainfo['classes'] == NAMES[::-1]


def test_prefix_of_eurosat_is_fair(eurosat_root):
    dataset = build(eurosat_root, indices=3840)
    assert len(dataset) == 3840
    counts = np.bincount(dataset.get_gt_labels(), minlength=10)
    everything = build(eurosat_root)
    assert len(everything) == 18900
    expected = np.bincount(everything.get_gt_labels()) * 3840 / 18900
    # Hypergeometric: a standard deviation is below sqrt(expected).
    assert np.all(abs(counts - expected) < 4 * np.sqrt(expected))


def test_class_names_that_differ_are_shown(tiny_eurosat):
    build(tiny_eurosat, metainfo=dict(classes=list(NAMES)))
    with pytest.raises(ValueError, match="label 1: 'road' here, 'highway or"):
        build(
            tiny_eurosat,
            metainfo=dict(classes=['forest', 'road', 'sea or lake']),
        )
    with pytest.raises(ValueError, match="label 2: none here, 'sea or lake'"):
        build(tiny_eurosat, metainfo=dict(classes=['forest', NAMES[1]]))


def test_absent_images_are_counted_and_named(tiny_eurosat, tmp_path):
    def change(parts):
        parts['train'] += [
            ['Forest/gone.jpg', 0, 'Forest'],
            ['Nowhere/x.jpg', 1, 'Highway or Road'],
        ]

    path = edit_split(tiny_eurosat, tmp_path, change)
    config = dict(
        type='mmlatte.CoOpSplitDataset',
        data_root=str(tiny_eurosat / '2750'),
        split_file=path,
    )
    with pytest.raises(FileNotFoundError) as caught:
        DATASETS.build(config)
    assert '2 of the 17 images' in str(caught.value)
    assert 'Forest/gone.jpg, Nowhere/x.jpg' in str(caught.value)
    DATASETS.build(dict(config, split='test'))


@pytest.mark.parametrize(
    ('entry', 'message'),
    [
        (['../Forest_1.jpg', 0, 'Forest'], r'train\[12\]'),
        (['/Forest_1.jpg', 0, 'Forest'], r'train\[12\]'),
        (['Forest/Forest_1.jpg', '0', 'Forest'], r'train\[12\]'),
        (['Forest/Forest_1.jpg', 0, 'Wood'], "both 'forest' and 'wood'"),
        (['Forest/Forest_1.jpg', 4, 'Wood'], r'found \[0, 1, 2, 4\]'),
    ],
)
def test_malformed_split(tiny_eurosat, tmp_path, entry, message):
    path = edit_split(
        tiny_eurosat, tmp_path, lambda parts: parts['train'].append(entry)
    )
    with pytest.raises(ValueError, match=message):
        DATASETS.build(
            dict(
                type='mmlatte.CoOpSplitDataset',
                data_root=str(tiny_eurosat / '2750'),
                split_file=path,
            )
        )


def test_missing_things(tiny_eurosat, tmp_path):
    with pytest.raises(FileNotFoundError, match=r'Split file .*Zhou/CoOp'):
        build(tmp_path)
    (tmp_path / 'split_zhou_EuroSAT.json').write_text('{"train": []}')
    with pytest.raises(ValueError, match='no CoOp split file'):
        build(tmp_path)
    (tmp_path / 'split_zhou_EuroSAT.json').write_text('{')
    with pytest.raises(ValueError, match='no JSON'):
        build(tmp_path)
    with pytest.raises(ValueError, match="split='val'"):
        build(tiny_eurosat, split='val')
    path = str(tiny_eurosat / 'split_zhou_EuroSAT.json')
    with pytest.raises(FileNotFoundError, match='Image folder'):
        DATASETS.build(
            dict(
                type='mmlatte.CoOpSplitDataset',
                data_root=str(tmp_path / 'none'),
                split_file=path,
            )
        )
