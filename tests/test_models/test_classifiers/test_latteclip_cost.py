"""What a step of LatteCLIP must not do: wait for the device."""

import pytest
import torch
from mmpretrain.structures import DataSample
from torch.utils._python_dispatch import TorchDispatchMode

from mmlatte.models import LatteCLIPClassifier

CLASSES = ['forest', 'river', 'road']


def make_model(tiny_clip_dir) -> LatteCLIPClassifier:
    model = LatteCLIPClassifier(
        clip=dict(
            type='mmlatte.OpenCLIP', model_name=f'local-dir:{tiny_clip_dir}'
        ),
        class_names=CLASSES,
    )
    model.init_weights()
    return model.train()


def make_samples(model, count) -> list[DataSample]:
    samples = []
    for i in range(count):
        sample = DataSample()
        sample.set_field(i, 'sample_idx', field_type='metainfo')
        sample.set_field(i % 3, 'zero_shot_label')
        for kind in ('image', 'group'):
            text = f'{kind} text {i // 2}'
            sample.set_field(text, f'{kind}_text')
            tokens = model.clip.tokenize(text).numpy()
            sample.set_field(tokens, f'{kind}_tokens')
        samples.append(sample)
    return samples


class Waits(TorchDispatchMode):
    """Collects the operations for which a GPU's host would wait."""

    def __init__(self):
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.name().removeprefix('aten::')
        if name.startswith(('_local_scalar', 'nonzero', '_unique', 'equal')):
            self.names.append(name)
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ('batch', 'waits'), [(12, []), (11, ['_unique2'])], ids=str
)
def test_a_step_waits_for_the_labels_at_most(tiny_clip_dir, batch, waits):
    model = make_model(tiny_clip_dir)
    samples = make_samples(model, batch)
    inputs = torch.randn(batch, 3, 32, 32)
    with Waits() as found:
        losses = model(inputs, samples, mode='loss')
        (losses['loss_zero_shot'] + losses['loss_finetuned']).backward()
        model.memory.step()
    assert found.names == waits


def test_all_or_some_class_texts_give_the_same_step(tiny_clip_dir):
    """12 samples of 3 classes encode all class texts, 11 those in use."""
    model = make_model(tiny_clip_dir)
    samples = make_samples(model, 12)
    inputs = torch.randn(12, 3, 32, 32)
    few = model(inputs, samples, mode='loss')
    model.memory.step()
    after = model.memory.prototypes.clone()

    model = make_model(tiny_clip_dir)
    model._classes_in_use = lambda labels: torch.cat(
        list(labels.values())
    ).unique()
    some = model(inputs, samples, mode='loss')
    model.memory.step()
    torch.testing.assert_close(few, some)
    torch.testing.assert_close(after, model.memory.prototypes)


def test_mixing_loss_and_memory_read_nothing_back(tiny_clip_dir):
    """On the meta device any look at a value is an error."""
    model = make_model(tiny_clip_dir)
    samples = make_samples(model, 6)
    model.to('meta')
    z = torch.empty(6, 16, device='meta', requires_grad=True)
    t = torch.empty(9, 16, device='meta', requires_grad=True)
    y = {
        source: torch.empty(6, dtype=torch.long, device='meta')
        for source in ('zero_shot', 'finetuned')
    }
    rows = {
        source: torch.empty(6, 3, dtype=torch.long, device='meta')
        for source in y
    }
    losses = model._match(z, y, t, rows, samples)
    (losses['loss_zero_shot'] + losses['loss_finetuned']).backward()
    model.memory.step()
    assert z.grad.shape == z.shape and t.grad.shape == t.shape
    with pytest.raises(RuntimeError, match='meta'):
        losses['loss_zero_shot'].item()
