"""Training from cached activations ends where training on images does."""

import json

import pytest
import torch
from mmengine.config import Config

from mmlatte.apis import build_runner
from mmlatte.models.tuning import FrozenPrefix

PLAIN = """
_base_ = ['./tiny.py']
model = dict(clip=dict(tuning=dict(type='mmlatte.BlockTuning')))
train_dataloader = dict(dataset=dict(pipeline=[
    *_base_.train_pipeline[:2], *_base_.test_pipeline[:-1],
    *_base_.train_pipeline[-2:]]))
"""


@pytest.fixture
def train(make_tiny_run):
    run = make_tiny_run()
    path = run.folder / 'plain.py'
    path.write_text(PLAIN)

    def train(name, hook=None, **changes):
        torch.set_num_threads(1)
        cfg = Config.fromfile(path)
        cfg.work_dir = str(run.folder / name)
        cfg.launcher = 'none'
        # Adam makes full steps of gradients that are rounding errors.
        cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.1)
        if hook is not None:
            cfg.default_hooks.cached_prefix = dict(
                type='mmlatte.CachedPrefixHook', **hook
            )
        cfg.merge_from_dict(changes)
        build_runner(cfg).train()
        done = run.folder / name / 'epoch_2.pth'
        checkpoint = torch.load(done, weights_only=True)
        log = checkpoint['message_hub']['log_scalars']['train/loss']['log']
        summary = run.folder / name / 'summary.json'
        top1 = json.loads(summary.read_text())['top1']
        return checkpoint['state_dict'], torch.as_tensor(log['data']), top1

    train.folder = run.folder
    return train


def test_training_is_that_on_images(train, monkeypatch):
    state, losses, top1 = train('images')
    assert len(losses) > 2
    seen = []
    look = FrozenPrefix.__call__
    monkeypatch.setattr(
        FrozenPrefix,
        '__call__',
        lambda self, images: seen.append(len(images)) or look(self, images),
    )
    cached, same, top1_cached = train('cached', dict(dtype='float32'))
    torch.testing.assert_close(same, losses, rtol=0, atol=1e-6)
    for key, value in state.items():
        if value.is_floating_point() and not key.endswith('in_proj_bias'):
            torch.testing.assert_close(
                cached[key], value, rtol=0, atol=1e-6, msg=key
            )
    assert top1_cached == top1
    # Two blank looks, and every image once; none in a second run.
    assert sum(seen) == 2 + 2 + 15
    train('again', dict(dtype='float32'))
    assert sum(seen) == 2 + 2 + 15 + 4
    _, half, _ = train('half', dict(dtype='float16'))
    assert not torch.equal(half, losses)
    torch.testing.assert_close(half, losses, rtol=0, atol=2e-3)
    caches = {p.name[-7:] for p in train.folder.glob('cache/activations-*')}
    assert caches == {'float32', 'float16'}


def test_what_cannot_be_cached_is_refused(train):
    with pytest.raises(OSError, match='more than max_gb=1e-06: raise def'):
        train('small', dict(max_gb=1e-6))
    with pytest.raises(ValueError, match="dtype='int8': choose from"):
        train('int8', dict(dtype='int8'))
    views = Config.fromfile(train.folder / 'tiny.py').train_pipeline
    with pytest.raises(ValueError, match="views='texts_plain'"):
        train('views', {}, **{'train_dataloader.dataset.pipeline': views})
