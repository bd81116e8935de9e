"""What a folder gives, its images give from archives as well."""

import csv
import shutil
import tarfile
from pathlib import Path

import pytest

from mmlatte.apis import Inferencer, adapt
from mmlatte.apis.export.annotations import export_annotations
from mmlatte.apis.images import UNREADABLE
from mmlatte.archives import open_image
from mmlatte.datasets.answers import read_answers
from mmlatte.datasets.unreadable_file import read_unreadable

REPO = Path(__file__).resolve().parents[2]


@pytest.fixture
def images(tiny_eurosat, tmp_path) -> Path:
    folder = tmp_path / 'images'
    folder.mkdir()
    for path in sorted((tiny_eurosat / '2750').rglob('*.jpg')):
        shutil.copy(path, folder)
    return folder


@pytest.fixture
def archives(images, tmp_path) -> dict[str, Path]:
    """The same images, each kind in an order of its own."""
    arrow = pytest.importorskip('pyarrow')
    import pyarrow.parquet

    files = sorted(images.iterdir())
    (tmp_path / 'shards').mkdir()
    for number in (0, 1):
        path = tmp_path / f'shards/s-{number}.tar'
        with tarfile.open(path, 'w') as tar:
            for file in files[number::2]:
                tar.add(file, f'x/{file.name}')
    rows = [
        {'bytes': file.read_bytes(), 'path': file.name} for file in files[::-1]
    ]
    table = arrow.table({'image': rows, 'label': [0] * len(rows)})
    pyarrow.parquet.write_table(
        table, tmp_path / 'a.parquet', row_group_size=4
    )
    (tmp_path / 'saved').mkdir()
    with arrow.OSFile(str(tmp_path / 'saved/a.arrow'), 'wb') as sink:
        with arrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return dict(
        tar=tmp_path / 'shards' / 's-*.tar',
        parquet=tmp_path / 'a.parquet',
        arrow=tmp_path / 'saved',
    )


@pytest.fixture
def fit(tiny_clip_dir, tmp_path):
    def run(images, **choices):
        settings = dict(
            images=str(images),
            classes='forest, road, sea',
            clip=f'local-dir:{tiny_clip_dir}',
            method='latteplus',
            out=str(tmp_path / 'out'),
            export=(),
            device='cpu',
            workers=0,
        )
        return adapt(**{**settings, **choices})

    return run


def predicted(result) -> list[dict]:
    with result.predictions.open() as file:
        return [*csv.DictReader(file)]


def test_adapting_and_predicting(fit, images, archives, tmp_path, run_script):
    rows = {
        (Path(row['image']).read_bytes(), row['class'], row['confidence'])
        for row in predicted(fit(images, out=str(tmp_path / 'plain')))
    }
    inferencer = None
    for kind, path in archives.items():
        # Processes that load find the archives by themselves.
        result = fit(path, out=str(tmp_path / kind), workers=kind == 'parquet')
        found = predicted(result)
        assert len(found) == len(rows)
        inferencer = inferencer or Inferencer(str(result.run), device='cpu')
        for row in found:
            assert Path(row['image']).parent.is_relative_to(tmp_path)
            assert not Path(row['image']).exists()
        again = inferencer([row['image'] for row in found])
        classes = [row['class'] for row in found]
        assert [one['pred_class'] for one in again] == classes
        content = [open_image(row['image']).read() for row in found]
        assert rows == {
            (data, row['class'], row['confidence'])
            for data, row in zip(content, found, strict=True)
        }
        # The report shows them.
        assert result.report.read_text().count('data:image') > 3
    out = tmp_path / 'new.csv'
    done = run_script(
        REPO / 'tools' / 'predict.py',
        *(tmp_path / 'tar' / 'run', tmp_path / 'shards', '--out', out),
        *('--device', 'cpu', '--workers', '0'),
    )
    assert not done.returncode, done.stderr
    with out.open() as file:
        new = {row['image']: row['class'] for row in csv.DictReader(file)}
    assert len(new) == len(rows)
    assert all('/shards/s-' in image for image in new)


def test_features_are_those_of_the_same_images(
    fit, images, archives, monkeypatch
):
    fit(images)

    def encode(*_):
        raise AssertionError('an image is encoded again')

    module = 'mmlatte.engine.frozen.frozen_pass'
    monkeypatch.setattr(f'{module}.encode_frozen', encode)
    for path in archives.values():
        # It is a run on images of other names, which is made anew.
        assert len(predicted(fit(path))) == len([*images.iterdir()])
    monkeypatch.undo()


def test_what_cannot_be_read_is_left_out(fit, archives, tmp_path, images):
    path = tmp_path / 'shards' / 's-0.tar'
    (tmp_path / 'broken.jpg').write_bytes(b'no image')
    with tarfile.open(path, 'a') as tar:
        tar.add(tmp_path / 'broken.jpg', 'broken.jpg')
    with pytest.raises(Exception, match='--skip-unreadable'):
        fit(path)
    result = fit(path, skip_unreadable=True)
    found = read_unreadable(tmp_path / 'out' / UNREADABLE)
    assert [*found] == ['s-0.tar/broken.jpg']
    assert len(predicted(result)) == len([*images.iterdir()][::2])


@pytest.mark.parametrize('kind', ['tar', 'parquet'])
def test_predictions_go_out_and_come_back(fit, archives, tmp_path, kind):
    result = fit(archives[kind])
    out = tmp_path / 'labels'
    with pytest.raises(ValueError, match=r'archive.*"folders" only'):
        export_annotations(result.run.parent, ['folders', 'fiftyone'], out)
    assert not out.exists()
    export_annotations(result.run.parent, ['folders'], out)
    root = tmp_path / ('shards' if kind == 'tar' else '')
    rows = {
        str(Path(row['image']).relative_to(root)): row['class']
        for row in predicted(result)
    }
    for image, label in rows.items():
        assert (out / 'folders' / label / image).is_file()
    moved = sorted(rows)[0]
    target = out / 'folders' / ('sea' if rows[moved] != 'sea' else 'road')
    (target / moved).parent.mkdir(parents=True, exist_ok=True)
    (out / 'folders' / rows[moved] / moved).rename(target / moved)
    given = read_answers(
        out / 'folders', sorted(rows), ['forest', 'road', 'sea'], root=root
    )
    assert {a.image: a.class_name for a in given} == {
        **rows,
        moved: target.name,
    }


def test_test_images_beside_an_archive(fit, archives, images, tmp_path):
    test = tmp_path / 'test' / 'forest'
    test.mkdir(parents=True)
    shutil.copy(images / 'Forest_1.jpg', test)
    plan = fit(
        archives['parquet'], test=str(tmp_path / 'test'), dry_run=True
    ).plan
    assert plan.images == len([*images.iterdir()])
    shutil.move(tmp_path / 'shards', tmp_path / 'test')
    with pytest.raises(ValueError, match='would see test images'):
        fit(tmp_path / 'test/shards/s-0.tar', test=str(tmp_path / 'test'))
