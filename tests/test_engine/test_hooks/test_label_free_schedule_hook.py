"""Learning rate and stop without labels."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score

from mmlatte.datasets.answers import NONE, Answer, write_answers
from mmlatte.engine.find_hook import find_hook
from mmlatte.engine.hooks import (
    LabelFreeScheduleHook,
    SampleSeedHook,
    ZeroShotLabelHook,
)
from mmlatte.engine.rate.best_weights import BestWeights
from mmlatte.engine.rate.label_probe import LabelProbe
from mmlatte.fits import LattePlusFit, LinearClassifier


@pytest.fixture
def config(make_config, eval_pipeline, tmp_path):
    def make(work_dir, **hook):
        cfg = make_config(work_dir=work_dir)
        cfg.train_cfg = dict(
            type='mmlatte.ResumableTrainLoop', max_epochs=3, val_interval=3
        )
        cfg.param_scheduler = dict(
            type='mmlatte.WarmupCosineLR',
            warmup=1,
            end=3,
            by_epoch=True,
            convert_to_iter_based=True,
        )
        settings = dict(images=16, first=1e-5, last=1e-3, **hook)
        cfg.custom_hooks += [
            dict(
                type='mmlatte.ZeroShotLabelHook',
                pipeline=eval_pipeline,
                cache_dir=str(tmp_path / 'cache'),
                num_workers=0,
            ),
            dict(type='mmlatte.LabelFreeScheduleHook', **settings),
        ]
        return cfg

    return make


def rates(runner) -> list[float]:
    return runner.message_hub.get_scalar('train/lr').data[0].tolist()


def record(folder) -> dict:
    return json.loads((folder / 'label_free_schedule.json').read_text())


def test_the_schedule_walks_the_path_it_found(train, config, tmp_path):
    runner = train(config('run', stop=False))
    found = record(tmp_path / 'run')
    assert found['path'] in found['paths']
    assert sum(rates(runner)) == pytest.approx(found['path'], rel=1e-3)
    assert max(rates(runner)) <= found['lr'] * (1 + 1e-6)
    assert len(found['epochs']) == 3
    assert all(-1 <= value <= 1 for value in found['epochs'])


@pytest.mark.parametrize('accumulated', [2, 5])
def test_accumulated_gradients_walk_that_path(
    train, config, tmp_path, accumulated
):
    cfg = config('run', stop=False)
    cfg.optim_wrapper.accumulative_counts = accumulated
    found, every = train(cfg), accumulated
    walked = rates(found)[every - 1 :: every]
    if 12 % accumulated:
        walked.append(rates(found)[-1])  # mmengine steps at the end
    path = record(tmp_path / 'run')['path']
    assert sum(walked) == pytest.approx(path, rel=1e-3)
    assert found.optim_wrapper._inner_count == 12


def test_a_model_that_forgets_is_reported(train, config, monkeypatch):
    measured = iter([0.99, 0.9, 0.3, *[0.3] * 3])
    monkeypatch.setattr(
        LabelProbe, 'measure', lambda *_: (next(measured), None)
    )
    runner = train(config('run'))
    hook = find_hook(runner, LabelFreeScheduleHook)
    assert hook._record['path'] == hook._record['paths'][1]
    log = next(Path(runner.log_dir).glob('*.log')).read_text()
    assert "hardly agree (Cohen's kappa 0.30)" in log


def test_labels_by_answers_take_the_place_of_zero_shot_ones(
    train, config, monkeypatch, tmp_path
):
    measured = iter([0.99, 0.9, 0.3, *[0.3] * 3])
    monkeypatch.setattr(
        LabelProbe, 'measure', lambda *_: (next(measured), None)
    )
    file = tmp_path / 'a.csv'
    write_answers(
        file,
        [
            Answer('Forest/Forest_1.jpg', 'forest'),
            Answer('Highway/Highway_1.jpg', 'highway'),
            Answer('SeaLake/SeaLake_1.jpg', NONE),
        ],
    )
    cfg = config('run')
    cfg.custom_hooks.append(
        dict(type='mmlatte.FrozenFeaturesHook', answers=str(file))
    )
    runner = train(cfg)
    hook = find_hook(runner, LabelFreeScheduleHook)
    given = runner.model.given
    every = torch.arange(len(runner.train_dataloader.dataset))
    known = given.trained(every >= 0, every)
    assert 0 < (~known).sum() < len(every)
    labels = given.frozen.labels[known.numpy()]
    np.testing.assert_array_equal(hook._probe.zero_shot, labels)
    assert hook._probe.clusters is None
    assert hook._record['followed'] == 'zero_shot'


def test_the_search_leaves_nothing_behind(train, config, tmp_path):
    """A run with that learning rate from the start has the same weights."""
    searched = train(config('searched', stop=False))
    found = record(tmp_path / 'searched')
    plain = config('plain')
    plain.custom_hooks.pop()  # ours
    plain.optim_wrapper.optimizer.lr = found['lr']
    plain = train(plain)
    other = plain.model.state_dict()
    for name, value in searched.model.state_dict().items():
        torch.testing.assert_close(value, other[name], rtol=1e-6, atol=1e-8)


def test_the_loss_scale_is_put_back(train, config, monkeypatch):
    """Large steps of the search overflow; training must not feel it."""

    class Scaler:
        scale = 8.0

        def state_dict(self):
            return dict(scale=self.scale)

        def load_state_dict(self, state):
            self.scale = state['scale']

    scaler, measure = Scaler(), LabelProbe.measure

    def overflow(probe, runner):
        scaler.scale /= 2
        return measure(probe, runner)

    monkeypatch.setattr(
        'mmlatte.engine.rate.rate_walk.loss_scaler', lambda _: scaler
    )
    monkeypatch.setattr(LabelProbe, 'measure', overflow)
    train(config('run', stop=False))
    assert scaler.scale == 8 / 2**3  # once in every epoch


def test_a_resumed_run_does_not_search_again(train, config, tmp_path):
    train(config('whole', stop=False))
    again = config('again', stop=False)
    again.load_from = str(tmp_path / 'whole' / 'epoch_1.pth')
    again.resume = True
    train(again)
    whole = torch.load(tmp_path / 'whole/epoch_3.pth', weights_only=True)
    other = torch.load(tmp_path / 'again/epoch_3.pth', weights_only=True)
    for name, value in whole['state_dict'].items():
        assert torch.equal(value, other['state_dict'][name]), name
    assert record(tmp_path / 'whole') == record(tmp_path / 'again')


def test_it_stops_when_the_labels_are_repeated(train, config, monkeypatch):
    monkeypatch.setattr(
        'mmlatte.engine.hooks.label_free_schedule_hook.rose',
        lambda values, images: len(values) == 3,
    )
    monkeypatch.setattr(LabelProbe, 'measure', lambda *_: (0.9, None))
    runner = train(config('run'))
    assert runner.epoch == 2
    assert (runner.work_dir + '/epoch_2.pth') == runner.message_hub.get_info(
        'last_ckpt'
    )


def test_it_needs_the_frozen_labels(train, config):
    cfg = config('run')
    cfg.custom_hooks = [
        hook
        for hook in cfg.custom_hooks
        if hook.type != 'mmlatte.ZeroShotLabelHook'
    ]
    with pytest.raises(ValueError, match='needs mmlatte'):
        train(cfg)


def test_the_agreement_is_that_of_a_plain_loop(
    train, config, tmp_path, monkeypatch
):
    def several(features, *_):
        count = len(features)
        return np.arange(count) % 2, np.zeros(count)

    monkeypatch.setattr(
        'mmlatte.engine.frozen.zero_shot_labels.nearest_classes', several
    )
    # Labels of no sense: agreement by chance is no harm here.
    monkeypatch.setattr('mmlatte.engine.rate.path_choice.FORGOTTEN', -2)
    runner = train(config('run', stop=False))
    hook = find_hook(runner, ZeroShotLabelHook)
    dataset = runner.train_loop.dataloader.dataset
    view = hook.frozen_pass.view(dataset)
    runner.model.eval()
    labels = [
        int(
            runner.model.predict(
                runner.model.data_preprocessor(dict(inputs=view[i][1][None]))[
                    'inputs'
                ]
            )[0].pred_label
        )
        for i in range(len(dataset))
    ]
    assert record(tmp_path / 'run')['epochs'][-1] == pytest.approx(
        cohen_kappa_score(labels, hook.found.labels)
    )


def test_a_resumed_run_stays_stopped(train, config, tmp_path, monkeypatch):
    monkeypatch.setattr(
        'mmlatte.engine.hooks.label_free_schedule_hook.rose',
        lambda values, images: len(values) == 3,
    )
    train(config('whole'))
    again = config('again')
    again.load_from = str(tmp_path / 'whole' / 'epoch_2.pth')
    again.resume = True
    assert train(again).epoch == 2


@pytest.mark.parametrize(
    'other', [dict(type='CosineAnnealingLR', T_max=3), dict(max_path=0.1)]
)
def test_other_schedules_are_refused(other, train, config):
    cfg = config('run')
    if 'type' in other:
        cfg.param_scheduler = other
    else:
        cfg.param_scheduler.update(other)
    with pytest.raises(ValueError, match='WarmupCosineLR as the only'):
        train(cfg)


def test_nothing_learned_is_an_error(train, config):
    cfg = config('run')
    for hook in cfg.custom_hooks:
        if hook.type == 'mmlatte.LabelFreeScheduleHook':
            hook.update(first=1e-12, last=1e-11)
    with pytest.raises(RuntimeError, match='changes the labels'):
        train(cfg)


def test_a_search_that_starts_too_high_says_so(train, config, monkeypatch):
    monkeypatch.setattr(LabelProbe, 'measure', lambda *_: (0.1, None))
    with pytest.raises(ValueError, match='1e-05, does harm already'):
        train(config('run'))


@pytest.fixture
def clusters(monkeypatch):
    """Images that form clusters: every second one."""
    monkeypatch.setattr(
        'mmlatte.engine.rate.label_probe.agreed_latteplus',
        lambda frozen, options: LattePlusFit(
            LinearClassifier.zero_shot(frozen),
            torch.arange(len(frozen)) % 2,
            unused=torch.zeros(frozen.classes, dtype=torch.bool),
        ),
    )

    def measure(values):
        measured = iter(values)
        monkeypatch.setattr(
            LabelProbe, 'measure', lambda *_: (0.9, next(measured))
        )

    return measure


#: Of a search, before training and along three paths.
SEARCH = [0.1, 0.2, 0.6, 0.3]


def test_the_rate_is_that_of_the_best_steps(train, config, clusters, tmp_path):
    clusters([*SEARCH, *[0.5] * 30])
    runner = train(config('run'))
    found = record(tmp_path / 'run')
    first, second, _ = found['paths']
    assert found['lr'] == pytest.approx((second - first) / 4)
    assert max(rates(runner)) == pytest.approx(found['lr'])
    assert found['clusters'] == SEARCH
    assert found['followed'] == 'clusters'
    assert found['path'] is None
    steps = [round(4 * epoch) for epoch, _ in found['training']]
    assert steps == [2, 3, 4, 5, 6, 8, 9, 10, 11, 12]


@pytest.mark.parametrize('best', [4, 6])
def test_the_weights_are_those_of_the_best_moment(
    train, config, clusters, tmp_path, best
):
    """What a run has that is cut off there."""
    values = [0.6] * 12
    values[best - 1] = 0.62
    clusters([*SEARCH, *values])
    whole = train(config('whole', measurements=12))
    found = record(tmp_path / 'whole')
    assert found['kept'] == best / 4
    assert not found['stopped']
    clusters([*SEARCH, *[0.5] * 12])
    cfg = config('part', stop=False)
    cfg.default_hooks.checkpoint.update(interval=best, by_epoch=False)
    train(cfg)
    saved = torch.load(tmp_path / f'part/iter_{best}.pth', weights_only=True)[
        'state_dict'
    ]
    kept = torch.load(tmp_path / 'whole/epoch_3.pth', weights_only=True)
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, saved[name]), name
        assert torch.equal(value, kept['state_dict'][name]), name
    assert not (tmp_path / 'whole' / 'best_weights.pth').exists()


def test_checkpoints_by_step_hold_the_best_weights(
    train, config, clusters, tmp_path
):
    clusters([*SEARCH, 0.5, 0.7, *[0.6] * 10])
    cfg = config('run', measurements=12)
    cfg.default_hooks.checkpoint.update(interval=12, by_epoch=False)
    model = train(cfg).model
    saved = torch.load(tmp_path / 'run/iter_12.pth', weights_only=True)
    for name, value in model.state_dict().items():
        assert torch.equal(value, saved['state_dict'][name]), name


def test_it_stops_far_from_the_clusters(train, config, clusters, tmp_path):
    far = [0.5, 0.9, 0.8, 0.8, *[0.1] * 8]
    clusters([*SEARCH, *far])
    runner = train(config('run', measurements=12))
    found = record(tmp_path / 'run')
    assert (runner.epoch, found['stopped'], found['kept']) == (2, True, 0.5)
    # And a resumed run stays stopped, with these weights.
    again = config('again', measurements=12)
    again.load_from, again.resume = str(tmp_path / 'run/epoch_2.pth'), True
    clusters([])
    again = train(again)
    assert again.epoch == 2
    for name, value in runner.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_a_resumed_run_goes_back_as_well(train, config, clusters, tmp_path):
    values = [0.5, 0.5, 0.7, 0.6, *[0.68] * 8]
    clusters([*SEARCH, *values])
    whole = train(config('whole', measurements=12))
    # Killed after six steps: a checkpoint of the fifth, a file of the third.
    clusters([*SEARCH, *values])
    cfg = config('part', measurements=12)
    cfg.default_hooks.checkpoint.update(interval=5, by_epoch=False)

    class Killed(Exception):
        pass

    def kill(hook, runner, *args, **kwargs):
        if runner.iter == 6:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BestWeights, 'forget', lambda self: None)
        patch.setattr(SampleSeedHook, 'after_train_iter', kill)
        with pytest.raises(Killed):
            train(cfg)
    assert (tmp_path / 'part/best_weights.pth').exists()
    clusters(values[5:])
    cfg.load_from, cfg.resume = str(tmp_path / 'part/iter_5.pth'), True
    resumed = train(cfg)
    assert record(tmp_path / 'part')['kept'] == 0.75
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_a_file_of_another_run_is_not_taken(train, config, clusters, tmp_path):
    clusters([*SEARCH, *[0.5] * 12])
    train(config('whole'))
    other = dict(score=0.99, moment=0.5, state_dict={})
    again = config('again')
    again.load_from = str(tmp_path / 'whole/epoch_1.pth')
    again.resume = True
    (tmp_path / 'again').mkdir()
    torch.save(other, tmp_path / 'again' / 'best_weights.pth')
    clusters([0.5] * 12)
    runner = train(again)
    log = next(Path(runner.log_dir).glob('*.log')).read_text()
    assert 'does not hold the best weights' in log
    assert record(tmp_path / 'again')['kept'] > 1


def test_senseless_options_are_refused():
    with pytest.raises(ValueError, match='first < last'):
        LabelFreeScheduleHook(first=1.0, last=0.1)
