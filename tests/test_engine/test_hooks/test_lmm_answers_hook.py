import json

import pytest
from mmengine.runner import Runner

from mmlatte.apis import make_text_gallery
from mmlatte.engine.find_hook import find_hook
from mmlatte.engine.hooks import FrozenFeaturesHook, LMMAnswersHook


@pytest.fixture
def config(make_config, eval_pipeline, tiny_eurosat, tmp_path):
    """A fit of answers that a file gives in place of an LMM."""
    split = json.loads((tiny_eurosat / 'split_zhou_EuroSAT.json').read_text())
    lines = [
        json.dumps({'sample_id': path, 'kind': 'choice', 'text': name})
        for path, _, name in split['train']
    ]
    (tmp_path / 'said.jsonl').write_text('\n'.join(lines))

    def make(work_dir='run', questions=3, **hook):
        cfg = make_config(work_dir)
        cfg.train_cfg = dict(type='mmlatte.FitLoop')
        cfg.model.type = 'mmlatte.AnswersClassifier'
        cfg.model.pop('texts')
        cfg.custom_hooks = [
            dict(
                type='mmlatte.ZeroShotLabelHook',
                pipeline=eval_pipeline,
                cache_dir=str(tmp_path / 'cache'),
                num_workers=0,
            ),
            dict(type='mmlatte.FrozenFeaturesHook'),
            dict(
                type='mmlatte.LMMAnswersHook',
                lmm=dict(
                    type='mmlatte.TextFile', path=str(tmp_path / 'said.jsonl')
                ),
                store_dir=str(tmp_path / 'store'),
                questions=questions,
                **hook,
            ),
            dict(type='mmlatte.RunSummaryHook'),
        ]
        return cfg

    return make


def test_answers_reach_fit_summary_and_gallery(config, tmp_path):
    runner = Runner.from_cfg(config())
    runner.train()
    answers = find_hook(runner, FrozenFeaturesHook).answers
    assert len(answers) == 3
    summary = json.loads((tmp_path / 'run' / 'summary.json').read_text())
    assert summary['answers'] == {'lmm:text-file-said': 3}
    page = tmp_path / 'gallery.html'
    assert make_text_gallery(Runner.from_cfg(config('b')), page) == 3
    text = page.read_text()
    assert '(file)' in text and 'What the LMM answered' in text


def test_what_does_not_fit_is_named(config):
    with pytest.raises(ValueError, match='questions=0'):
        LMMAnswersHook({'type': 'mmlatte.TextFile', 'path': 'x'}, 's', 0)
    cfg = config()
    cfg.custom_hooks = [cfg.custom_hooks[0], cfg.custom_hooks[2]]
    with pytest.raises(ValueError, match='FrozenFeaturesHook'):
        Runner.from_cfg(cfg).train()
