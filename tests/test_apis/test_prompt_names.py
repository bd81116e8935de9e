"""Names of classes that CLIP reads, chosen on real images."""

import json
import re
import shutil
import zipfile

import pytest
from mmengine.config import Config

from mmlatte.apis import adapt

CLASSES = """\
Annual Crop Land | crop field
Forest | trees
Herbaceous Vegetation Land | shrubs
Highway or Road | highway
Industrial Buildings
Pasture Land | meadow
Permanent Crop Land | orchard
Residential Buildings | residential area
River
Sea or Lake | sea
"""


@pytest.fixture(scope='module')
def choices(assets, tmp_path_factory):
    folder = tmp_path_factory.mktemp('names')
    taken: dict[str, int] = {}
    with zipfile.ZipFile(assets / 'data' / 'EuroSAT.zip') as archive:
        for name in archive.namelist():
            kind = name.split('/')[1]
            if name.endswith('.jpg') and taken.setdefault(kind, 0) < 30:
                taken[kind] += 1
                path = folder / 'images' / name.rsplit('/', 1)[1]
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(archive.read(name))
    classes = folder / 'classes.txt'
    classes.write_text(CLASSES)
    return dict(
        images=str(folder / 'images'),
        classes=str(classes),
        describe='satellite photo',
        method='latteplus',
        clip=f'local-dir:{assets / "models/rs-clip"}',
        export=(),
        workers=0,
        out=str(folder / 'out'),
    )


@pytest.fixture(scope='module')
def chosen(choices):
    result = adapt(**choices)
    return result, json.loads((result.run.parent / 'names.json').read_text())


def test_names_fit_better_than_their_means(chosen):
    result, found = chosen
    assert found['agreement'] > found['agreement_of_means'] > 0
    names = found['prompt_names']
    assert {*names} == {
        line.split(' | ')[0] for line in CLASSES.splitlines() if '|' in line
    }
    assert any(len(own) == 1 for own in names.values())
    config = Config.fromfile(str(result.run.parent / 'config.py'))
    assert config.model.prompt_names == names
    one = next(f'{c}: {own[0]}' for c, own in names.items() if len(own) == 1)
    assert one in result.report.read_text()
    # Predictions bear the names that the user gave first.
    predicted = result.predictions.read_text().splitlines()[1:]
    assert {line.split(',')[1] for line in predicted} <= {
        line.split(' | ')[0] for line in CLASSES.splitlines()
    }


def test_what_was_chosen_stays(chosen, choices):
    """Also in a dry run, which looks at no image."""
    result, _ = chosen
    before = (result.run.parent / 'names.json').stat().st_mtime_ns
    adapt(**choices)
    adapt(**choices, dry_run=True)
    assert (result.run.parent / 'names.json').stat().st_mtime_ns == before


def test_the_mean_of_all_on_request(chosen, choices, tmp_path):
    out = tmp_path / 'out'
    shutil.copytree(chosen[0].run.parent / 'cache', out / 'cache')
    result = adapt(**{**choices, 'out': str(out)}, names='mean')
    config = Config.fromfile(str(out / 'config.py'))
    names = config.model.prompt_names
    assert names['Sea or Lake'] == ['Sea or Lake', 'sea']
    assert len(names) == 8 and not (out / 'names.json').exists()
    with pytest.raises(ValueError, match=re.escape("'choose' or 'mean'")):
        adapt(**{**choices, 'out': str(out)}, names='first')
    assert result.predictions.exists()
