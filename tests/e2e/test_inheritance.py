"""Other projects inherit our configs, from a wheel, under their own scope."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.stack

#: What a foreign project changes; `{base}` is how it inherits.
TEXT_STYLE = """
_base_ = [{base!r}]
default_scope = 'mmpretrain'
names = ['forest', 'highway or road', 'sea or lake']
data = dict(data_root={data!r}, metainfo=dict(classes=names), download=False)
resize = dict(type='mmpretrain.Resize', scale=32, backend='pillow')
train_pipeline = [*_base_.train_pipeline[:3], resize,
                  *_base_.train_pipeline[-2:]]
test_pipeline = [_base_.test_pipeline[0], resize, _base_.test_pipeline[-1]]
model = dict(
    clip=dict(model_name={clip!r}, pretrained=None), class_names=names)
train_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False,
                        dataset=dict(pipeline=train_pipeline, **data))
val_dataloader = dict(batch_size=8, num_workers=0, persistent_workers=False,
                      dataset=dict(pipeline=test_pipeline, **data))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=1)
param_scheduler = dict(end=1)
default_hooks = dict(
    zero_shot_label=dict(num_workers=0),
    text_synth=dict(lmm=dict(
        _delete_=True, type='mmlatte.TextFile', path={texts!r})))
"""
LAZY_STYLE = """
from mmengine.config import read_base

with read_base():
    from mmlatte.configs.latteclip_vitb32_eurosat import *  # noqa: F403

default_scope = 'mmpretrain'
names = ['forest', 'highway or road', 'sea or lake']
resize = dict(type='mmpretrain.Resize', scale=32, backend='pillow')
data = dict(data_root={data!r}, metainfo=dict(classes=names), download=False)
model.update(class_names=names)
model['clip'].update(model_name={clip!r}, pretrained=None)
train = train_dataloader['dataset']
train.update(
    pipeline=[*train['pipeline'][:3], resize, *train['pipeline'][-2:]], **data)
test = val_dataloader['dataset']
test.update(
    pipeline=[test['pipeline'][0], resize, test['pipeline'][-1]], **data)
train_dataloader.update(batch_size=8, num_workers=0, persistent_workers=False)
val_dataloader.update(batch_size=8, num_workers=0, persistent_workers=False)
test_dataloader = val_dataloader
train_cfg.update(max_epochs=1)
param_scheduler.update(end=1)
default_hooks['zero_shot_label'].update(num_workers=0)
default_hooks['text_synth']['lmm'] = dict(
    type='mmlatte.TextFile', path={texts!r})
"""
#: The train script of a project that has never heard of mmlatte.
FOREIGN_TRAIN = """
import sys
from mmengine.config import Config
from mmengine.runner import Runner
{imports}
cfg = Config.fromfile(sys.argv[1])
cfg.work_dir = 'work'
runner = Runner.from_cfg(cfg)
runner.train()
import mmlatte
print('FROM', mmlatte.__file__)
"""


@pytest.fixture(scope='session')
def wheel_python(tmp_path_factory) -> Path:
    """Python of a fresh venv with mmlatte from a wheel.

    It borrows torch and the mm packages from this environment through its
    path, where the checkout's own (editable) install is not active.
    """
    folder = tmp_path_factory.mktemp('wheel')
    source = folder / 'source'
    files = subprocess.run(
        # Named: a checkout may hold the user's venv or images besides.
        [
            *['git', 'ls-files', '--cached', '--others', '--exclude-standard'],
            *['--', 'setup.py', 'pyproject.toml', 'README.md'],
            *['configs', 'mmlatte', 'tools'],
        ],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split('\n')
    for name in filter(None, files):
        if (REPO / name).is_file():
            target = source / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((REPO / name).read_bytes())
    # Isolated: a PYTHONPATH that holds mmlatte would pass for an install.
    pip = [sys.executable, '-I', '-m', 'pip', '--quiet']
    build = ['wheel', '--no-deps', '--wheel-dir', str(folder), str(source)]
    subprocess.run([*pip, *build], check=True)
    (wheel,) = folder.glob('*.whl')
    subprocess.run([sys.executable, '-m', 'venv', folder / 'venv'], check=True)
    python = folder / 'venv' / 'bin' / 'python'
    subprocess.run(
        [python, *pip[1:], 'install', '--no-deps', str(wheel)],
        check=True,
    )
    site = next((folder / 'venv' / 'lib').glob('python*/site-packages'))
    (site / 'borrowed.pth').write_text(sysconfig.get_paths()['purelib'])
    return python


def run_foreign(python: Path, folder: Path, config: str, imports: str = ''):
    (folder / 'config.py').write_text(config)
    (folder / 'train.py').write_text(FOREIGN_TRAIN.format(imports=imports))
    env = {k: v for k, v in os.environ.items() if k != 'PYTHONPATH'}
    done = subprocess.run(
        [str(python), 'train.py', 'config.py'],
        cwd=folder,
        env={**env, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert f'FROM {python.parents[1]}' in done.stdout
    return json.loads((folder / 'work' / 'summary.json').read_text())


@pytest.mark.parametrize('way', ['relative', 'package', 'read_base'])
def test_foreign_project_trains(
    way, wheel_python, make_tiny_run, tiny_eurosat, tiny_clip_dir
):
    run = make_tiny_run(way)
    values = dict(
        data=str(tiny_eurosat),
        clip=f'local-dir:{tiny_clip_dir}',
        texts=str(run.texts),
    )
    imports = ''
    if way == 'relative':
        base = os.path.relpath(
            REPO / 'configs' / 'latteclip_vitb32_eurosat.py', run.folder
        )
        config = TEXT_STYLE.format(base=base, **values)
    elif way == 'package':
        # mmengine knows the package's name once it is imported.
        imports = 'import mmlatte'
        base = 'mmlatte::_base_/../latteclip_vitb32_eurosat.py'
        config = TEXT_STYLE.format(base=base, **values)
    else:
        config = LAZY_STYLE.format(**values)
    summary = run_foreign(wheel_python, run.folder, config, imports)
    assert summary['texts']['made'] == 30
    assert summary['top1'] is not None


def test_mmpretrains_inferencer_loads_config_and_checkpoint(make_tiny_run):
    from mmpretrain import ImageClassificationInferencer

    run = make_tiny_run()
    run.tool('train.py')
    inferencer = ImageClassificationInferencer(
        str(run.config), pretrained=str(run.work_dir / 'epoch_2.pth')
    )
    image = next(Path(run.data_root).rglob('*.jpg'))
    (result,) = inferencer(str(image))
    assert result['pred_class'] in ('forest', 'highway or road', 'sea or lake')
    assert len(result['pred_scores']) == 3


def test_the_lazy_config_is_up_to_date():
    sys.path.insert(0, str(REPO / 'tools' / 'misc'))
    try:
        from write_lazy_config import TARGET, flatten
    finally:
        sys.path.pop(0)
    assert TARGET.read_text() == flatten(), (
        'run python tools/misc/write_lazy_config.py'
    )
