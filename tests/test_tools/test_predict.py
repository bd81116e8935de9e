import csv
import json
import runpy
import sys

import pytest


@pytest.fixture
def run_here(monkeypatch):
    """Run the tool in this process, which has imported everything."""

    def run(*arguments) -> None:
        monkeypatch.setattr(sys, 'argv', ['predict.py', *map(str, arguments)])
        runpy.run_path('tools/predict.py', run_name='__main__')

    return run


@pytest.fixture
def images(tiny_eurosat, tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    for name in ('Forest/Forest_1.jpg', 'SeaLake/SeaLake_2.jpg'):
        data = (tiny_eurosat / '2750' / name).read_bytes()
        (folder / name.split('/')[1]).write_bytes(data)
    (folder / 'broken.jpg').write_bytes(b'no image')
    return folder


def test_csv_json_and_new_classes(run_script, tiny_run, images, tmp_path):
    table = tmp_path / 'out' / 'a.csv'
    done = run_script(
        'tools/predict.py',
        *(tiny_run, images, '--out', table, '--add-classes', 'port, bridge'),
    )
    assert done.returncode == 0, done.stderr
    rows = list(csv.DictReader(table.open(encoding='utf-8')))
    assert [r['image'] for r in rows] == [
        str(images / n)
        for n in ('Forest_1.jpg', 'SeaLake_2.jpg', 'broken.jpg')
    ]
    assert 'broken.jpg' in rows[2]['error'] and not rows[2]['class']
    assert not rows[0]['error']
    assert float(rows[0]['confidence']) >= float(rows[0]['confidence_2']) > 0
    output = done.stdout + done.stderr
    assert 'new classes, from their texts: port, bridge' in output
    assert 'images/s; 1 unreadable' in output


def test_json_with_calibrated_confidence(run_here, tiny_run, images, tmp_path):
    file = tmp_path / 'b.json'
    run_here(
        tiny_run,
        images / '*.jpg',
        '--out',
        file,
        '--top-k',
        9,
        '--calibrate',
        images,
        '--workers',
        0,
    )
    found = json.loads(file.read_text())
    assert found['calibrated'] and found['temperature'] != 1
    top = found['predictions'][0]['top']
    assert [entry['class'] for entry in top] == sorted(
        (entry['class'] for entry in top),
        key=lambda name: -next(e['score'] for e in top if e['class'] == name),
    )
    assert sum(entry['confidence'] for entry in top) == pytest.approx(1, 1e-4)
    assert sum(entry['score'] for entry in top) == pytest.approx(1, 1e-4)


def test_wrong_use_is_refused_before_work(
    run_here, tiny_run, images, tmp_path, capsys
):
    with pytest.raises(SystemExit):
        run_here(tiny_run, images, '--out', tmp_path / 'a.txt')
    assert '.csv or .json' in capsys.readouterr().err
    with pytest.raises(SystemExit, match='does not exist'):
        run_here(tiny_run, tmp_path / 'none')
