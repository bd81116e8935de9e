import json
from dataclasses import replace

import pytest
from mmengine.runner import Runner

from mmlatte.apis import make_text_gallery
from mmlatte.datasets.answers import read_answers
from mmlatte.engine.find_hook import find_hook
from mmlatte.engine.hooks import (
    FrozenFeaturesHook,
    LMMAnswersHook,
    frozen_features_hook,
)
from mmlatte.engine.lmm_annotator import LMMAnnotator
from mmlatte.lmm import ClosedOptions, ClosedTask, TextStore


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
    # Another list of classes was asked about with the same LMM.
    hook = find_hook(runner, LMMAnswersHook)
    with TextStore(hook.store_folder()) as store:
        for record in list(store.records('choice')):
            task = ClosedTask(['desert', 'town'], ClosedOptions())
            text = json.dumps({'answer': 'desert', 'way': 'file'})
            store.put([replace(record, prompt=task.key('Which?'), text=text)])
    summary = json.loads((tmp_path / 'run' / 'summary.json').read_text())
    assert summary['answers'] == {'lmm:text-file-said': 3}
    page = tmp_path / 'gallery.html'
    assert make_text_gallery(Runner.from_cfg(config('b')), page) == 3
    text = page.read_text()
    assert '(file)' in text and 'What the LMM answered' in text
    assert 'desert' not in text and '3 answers' in text


def test_only_answers_about_images_of_now_come_from_the_file(
    config, tmp_path, monkeypatch
):
    names = ['Forest/Forest_1.jpg', 'Forest/Forest_2.jpg', 'Forest/gone.jpg']
    lines = [f'{name},forest,me' for name in names]
    file = tmp_path / 'answers.csv'
    file.write_text('\n'.join(['image,class,annotator', *lines]))
    # The first image was replaced since, the last one is gone.
    notes = [f'{name},me,,{"0" * 16}' for name in (names[0], names[2])]
    (tmp_path / 'answers_images.csv').write_text(
        '\n'.join(['image,annotator,when,key', *notes])
    )
    others, read = [], []
    annotate = LMMAnnotator.annotate
    monkeypatch.setattr(
        LMMAnnotator,
        'annotate',
        lambda self, count, given: (
            others.extend(given) or annotate(self, count, given)
        ),
    )
    monkeypatch.setattr(
        frozen_features_hook,
        'read_answers',
        lambda *given: read.append(given) or read_answers(*given),
    )
    cfg = config()
    cfg.custom_hooks[1].answers = str(file)
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert [a.image for a in others] == names[1:2] and len(read) == 1
    answers = find_hook(runner, FrozenFeaturesHook).answers
    assert {a.image for a in answers if a.source == 'me'} == {names[1]}


def test_a_method_must_take_answers(config, tmp_path):
    cfg = config()
    cfg.model.type = 'mmlatte.GDAClassifier'
    with pytest.raises(ValueError, match='GDAClassifier takes no answers'):
        Runner.from_cfg(cfg).train()
    assert not (tmp_path / 'store').exists()


def test_what_does_not_fit_is_named(config):
    with pytest.raises(ValueError, match='questions=0'):
        LMMAnswersHook({'type': 'mmlatte.TextFile', 'path': 'x'}, 's', 0)
    cfg = config()
    cfg.custom_hooks = [cfg.custom_hooks[0], cfg.custom_hooks[2]]
    with pytest.raises(ValueError, match='FrozenFeaturesHook'):
        Runner.from_cfg(cfg).train()
