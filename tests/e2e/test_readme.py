"""What README and docs show works as it stands there."""

import json
import re
from pathlib import Path

from mmengine.config import Config

from mmlatte.__main__ import main as list_parts
from mmlatte.apis import build_runner

REPO = Path(__file__).resolve().parents[2]
PAGES = {
    path: path.read_text(encoding='utf-8')
    for path in [REPO / 'README.md', *sorted((REPO / 'docs').glob('*.md'))]
}


def python_blocks() -> list[str]:
    texts = '\n'.join(PAGES.values())
    return re.findall(r'```python\n(.*?)```', texts, re.S)


def config_blocks() -> list[str]:
    """Python blocks but those that import or define something."""
    code = re.compile(r'^(from|import|class|@)', re.M)
    return [block for block in python_blocks() if not code.search(block)]


def test_own_folder(tmp_path, monkeypatch, tiny_eurosat, tiny_clip_dir):
    (text,) = [b for b in python_blocks() if b.startswith('# my_config.py')]
    # The checkout stands for the installed package (see test_inheritance).
    text = text.replace('mmlatte::_base_/..', str(REPO / 'configs'))
    config = tmp_path / 'my_config.py'
    config.write_text(text)
    cfg = Config.fromfile(str(config))
    cfg.work_dir, cfg.launcher = str(tmp_path / 'work'), 'none'
    cfg.model.clip.update(
        model_name=f'local-dir:{tiny_clip_dir}', pretrained=None
    )
    loader = cfg.train_dataloader
    loader.dataset.data_root = str(tiny_eurosat / '2750')
    loader.update(batch_size=6, num_workers=0, persistent_workers=False)
    for step in loader.dataset.pipeline:
        if step.type == 'mmpretrain.RandomResizedCrop':
            step.scale = 32
    texts = tmp_path / 'texts.jsonl'
    ids = [
        p.relative_to(tiny_eurosat / '2750')
        for p in (tiny_eurosat / '2750').rglob('*.jpg')
    ]
    texts.write_text(
        '\n'.join(
            json.dumps(dict(sample_id=str(i), kind=kind, text=f'a {kind}'))
            for i in ids
            for kind in ('image', 'group')
        )
    )
    lmm = dict(type='mmlatte.TextFile', path=str(texts))
    cfg.default_hooks.text_synth.lmm = lmm
    cfg.train_cfg.max_epochs = cfg.param_scheduler.end = 1
    monkeypatch.chdir(tmp_path)

    build_runner(cfg).train()
    summary = json.loads((tmp_path / 'work' / 'summary.json').read_text())
    assert summary['texts']['made'] == 2 * len(ids) == 48
    assert summary['top1'] is None  # no labels, no accuracy


def test_every_file_it_names_exists():
    rooms = 'benchmarks|configs|examples|tests|tools|mmlatte'
    pattern = rf'\b(?:{rooms})/[\w/]+\.(?:py|sh)'
    for page, text in PAGES.items():
        names = re.findall(pattern, text)
        assert len(names) > 10 or page.name != 'README.md'
        for name in names:
            example = re.search(r'/(my_|NAME)', name)
            assert example or (REPO / name).is_file(), (page, name)


def test_other_blocks_are_configs(tmp_path):
    blocks = config_blocks()
    assert len([block for block in blocks if '_base_' in block]) >= 4
    for number, text in enumerate(blocks):
        path = tmp_path / f'block_{number}.py'
        text = text.replace('mmlatte::_base_/..', str(REPO / 'configs'))
        # A part stands in configs/methods.
        path.write_text(text.replace("'../", f"'{REPO}/configs/"))
        Config.fromfile(str(path))


def test_the_table_of_methods_is_the_list(capsys, monkeypatch):
    monkeypatch.setattr(
        'sys.argv', ['mmlatte', 'list', 'methods', '--markdown']
    )
    list_parts()
    assert capsys.readouterr().out in PAGES[REPO / 'README.md']


def test_readme_is_short():
    assert len(PAGES[REPO / 'README.md'].splitlines()) < 150
