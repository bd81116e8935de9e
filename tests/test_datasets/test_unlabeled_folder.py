import pytest
from PIL import Image

from mmlatte.datasets.class_names import read_class_names
from mmlatte.registry import DATASETS


def build(root, classes=('cat', 'dog'), **kwargs):
    return DATASETS.build(
        dict(
            type='mmlatte.UnlabeledFolder',
            data_root=str(root),
            classes=classes,
            **kwargs,
        )
    )


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / 'images'
    for name in ('a.jpg', 'b/c.PNG', 'b/d/e f.webp', 'b/.x.jpg', '.y/z.jpg'):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / 'notes.txt').touch()
    (root / 'b' / 'loop').symlink_to(root)
    return root


def test_finds_nested_images_once(folder):
    dataset = build(folder)
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    assert {info['sample_id'] for info in infos} == {
        'a.jpg',
        'b/c.PNG',
        'b/d/e f.webp',
    }
    for info in infos:
        assert set(info) == {'img_path', 'sample_id', 'sample_idx'}
        assert info['img_path'] == str(folder / info['sample_id'])
    assert dataset.metainfo['classes'] == ('cat', 'dog')


def test_order_depends_on_names_only(folder, tmp_path):
    copy = tmp_path / 'copy'
    for name in ('b/d/e f.webp', 'a.jpg', 'b/c.PNG'):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).touch()
    order = [
        [d.get_data_info(i)['sample_id'] for i in range(3)]
        for d in (build(folder), build(copy))
    ]
    assert order[0] == order[1]


def test_runs_through_a_pipeline(tmp_path):
    Image.new('RGB', (8, 6), (250, 0, 0)).save(tmp_path / 'x.png')
    dataset = build(
        tmp_path,
        pipeline=[
            dict(type='mmlatte.LoadImage'),
            dict(type='mmpretrain.PackInputs', meta_keys=('sample_id',)),
        ],
    )
    sample = dataset[0]
    assert sample['inputs'].shape == (3, 6, 8)
    assert sample['data_samples'].sample_id == 'x.png'


def test_class_file(folder, tmp_path):
    names = tmp_path / 'classes.txt'
    names.write_text('\ufeffcat\n\n  hot dog \n', encoding='utf-8')
    dataset = build(folder, classes=str(names))
    assert dataset.metainfo['classes'] == ('cat', 'hot dog')


@pytest.mark.parametrize(
    ('classes', 'message'),
    [
        ([], 'no class name'),
        (['cat', ' '], 'name 2 is empty'),
        (['cat', 'dog', 'Cat'], "name 3, 'Cat', repeats name 1"),
    ],
)
def test_bad_classes(folder, classes, message):
    with pytest.raises(ValueError, match=message):
        build(folder, classes=classes)


def test_names_from_a_file_or_with_commas(tmp_path):
    file = tmp_path / 'a,b.txt'
    file.write_text('sea or lake\n\nriver, small\n')
    assert read_class_names(str(file)) == ('sea or lake', 'river, small')
    assert read_class_names('sea , river,') == ('sea', 'river')
    many = [f'class {number}' for number in range(200)]
    assert read_class_names(', '.join(many)) == tuple(many)
    with pytest.raises(FileNotFoundError, match='does not exist'):
        read_class_names('land, sea.txt')
    with pytest.raises(ValueError, match='holds no class name'):
        read_class_names(',')


def test_bad_folders(tmp_path):
    with pytest.raises(FileNotFoundError, match='does not exist'):
        build(tmp_path / 'none')
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(FileNotFoundError, match='holds no image'):
        build(tmp_path)
    with pytest.raises(FileNotFoundError, match='class file'):
        build(tmp_path, classes=str(tmp_path / 'none.txt'))
