"""The front door as a user walks through it, on tiny data."""

import json

import pytest
import torch

pytestmark = pytest.mark.stack


def test_train_then_test(make_tiny_run):
    run = make_tiny_run()
    first = run.tool('train.py', '--report')
    assert 'Zero-shot against' in (run.work_dir / 'report.html').read_text()
    summary = run.summary
    assert set(summary) >= {
        'zero_shot_top1',
        'top1',
        'gain',
        'pseudo_label_top1',
        'texts',
        'images_per_second',
        'wall_seconds',
    }
    texts = summary['texts']
    assert (texts['made'], texts['reused'], texts['failed']) == (30, 0, 0)
    assert summary['gain'] == pytest.approx(
        summary['top1'] - summary['zero_shot_top1'], abs=1e-4
    )
    assert 'summary' in first.stdout + first.stderr

    run.tool('test.py', 'work_dirs/tiny/epoch_2.pth', '--out', 'result.json')
    result = json.loads((run.folder / 'result.json').read_text())
    assert result['accuracy/top1'] == pytest.approx(summary['top1'])

    run.tool('train.py')  # the second run generates nothing
    texts = run.summary['texts']
    assert (texts['made'], texts['reused'], texts['failed']) == (0, 30, 0)


def test_zero_shot_needs_no_checkpoint(make_tiny_run):
    run = make_tiny_run()
    run.tool('train.py')
    run.tool('test.py', '--out', 'result.json')
    result = json.loads((run.folder / 'result.json').read_text())
    zero_shot = run.summary['zero_shot_top1']
    assert result['accuracy/top1'] == pytest.approx(zero_shot)


def test_the_same_seed_gives_the_same_bits(make_tiny_run):
    states = []
    memory = 'default_hooks.memory.type=mmlatte.ReturnMemoryHook'
    for name, *options in (
        ('a', 'randomness.seed=0'),
        ('b', 'randomness.seed=0', memory),  # changes nothing but the peak
        ('c', 'randomness.seed=1'),
    ):
        run = make_tiny_run(name)
        run.tool('train.py', '--cfg-options', *options)
        file = run.work_dir / 'epoch_2.pth'
        states.append(torch.load(file, weights_only=True)['state_dict'])
    a, b, c = states
    assert all(torch.equal(value, b[key]) for key, value in a.items())
    assert any(not torch.equal(value, c[key]) for key, value in a.items())


def test_a_checkpoint_predicts_alone(make_tiny_run, tiny_clip_dir):
    """Class names and prototypes come from the checkpoint."""
    from mmlatte.models import LatteCLIPClassifier

    run = make_tiny_run()
    run.tool('train.py')
    file = run.work_dir / 'epoch_2.pth'
    state = torch.load(file, weights_only=True)['state_dict']
    model = LatteCLIPClassifier(
        clip=dict(
            type='mmlatte.OpenCLIP', model_name=f'local-dir:{tiny_clip_dir}'
        ),
        class_names=['something else'],
    )
    model.load_state_dict(state)
    assert model.class_names == ['forest', 'highway or road', 'sea or lake']
    assert model.memory.is_initialised
    (sample,) = model(torch.zeros(1, 3, 32, 32), mode='predict')
    assert sample.pred_score.shape == (3,)
