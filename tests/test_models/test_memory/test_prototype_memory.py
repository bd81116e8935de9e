import io

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from mmengine.runner.checkpoint import get_state_dict, load_state_dict

from mmlatte.models.memory import PrototypeMemory, blend_with_prototypes


def make(classes=3, dim=4, **kwargs):
    names = [f'class {i}' for i in range(classes)]
    memory = PrototypeMemory(names, dim, **kwargs)
    memory.reset(F.normalize(torch.randn(classes, dim), dim=1))
    return memory


@given(
    seed=st.integers(0, 10_000),
    batch=st.integers(1, 12),
    momentum=st.sampled_from([0.01, 0.3, 1.0]),
)
def test_update_equals_the_papers_closed_form(seed, batch, momentum):
    """normalize(mean of v) = normalize((1 - alpha) m + alpha mean t)."""
    torch.manual_seed(seed)
    memory = make(classes=4, momentum=momentum)
    before = memory.prototypes.clone()
    texts, labels = torch.randn(batch, 4), torch.randint(4, (batch,))
    memory.collect(memory.blend(texts, labels), labels)
    memory.step()
    for c in range(4):
        if (labels == c).any():
            mean = texts[labels == c].mean(dim=0)
            expected = F.normalize(
                (1 - momentum) * before[c] + momentum * mean, dim=0
            )
            torch.testing.assert_close(
                memory.prototypes[c], expected, rtol=1e-4, atol=1e-5
            )
        else:
            assert torch.equal(memory.prototypes[c], before[c])


def test_several_collects_are_one_large_batch():
    torch.manual_seed(0)
    memory, other = make(), make()
    other.reset(memory.prototypes.clone())
    texts, labels = torch.randn(6, 4), torch.tensor([0, 2, 0, 0, 2, 0])
    v = memory.blend(texts, labels)
    memory.collect(v, labels)
    memory.step()
    other.collect(v[:2], labels[:2])
    other.collect(v[2:], labels[2:])
    assert other.pending
    other.step()
    assert not other.pending
    torch.testing.assert_close(memory.prototypes, other.prototypes)
    unchanged = other.prototypes.clone()
    other.step()  # nothing pending
    assert torch.equal(other.prototypes, unchanged)


def test_padding_samples_do_not_count():
    memory = make()
    before = memory.prototypes.clone()
    v, labels = torch.randn(2, 4), torch.tensor([0, 1])
    memory.collect(v, labels, valid=torch.tensor([True, False]))
    memory.step()
    assert not torch.equal(memory.prototypes[0], before[0])
    assert torch.equal(memory.prototypes[1], before[1])


def test_blend_passes_alpha_of_the_gradient():
    mixed = torch.randn(2, 4, requires_grad=True)
    v = blend_with_prototypes(
        mixed, torch.eye(4), torch.tensor([1, 1]), momentum=0.01
    )
    v.sum().backward()
    torch.testing.assert_close(mixed.grad, torch.full((2, 4), 0.01))


def test_checkpoint_brings_its_classes():
    """Through mmengine's own state-dict functions and a safe load."""
    trained = PrototypeMemory(['Wald', 'Fluß', 'rio São João'], 4)
    trained.reset(torch.eye(3, 4))
    file = io.BytesIO()
    torch.save(get_state_dict(trained), file)
    file.seek(0)
    fresh = PrototypeMemory(['a'], 4)
    assert not fresh.is_initialised
    assert fresh.class_names == ['a']
    load_state_dict(fresh, torch.load(file, weights_only=True), strict=True)
    assert fresh.is_initialised
    assert fresh.class_names == ['Wald', 'Fluß', 'rio São João']
    assert torch.equal(fresh.prototypes, torch.eye(3, 4))


def test_no_parameter_is_left_to_the_optimizer():
    assert not list(make().parameters())


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        ([], 'empty'),
        (['a', ' '], 'no class name'),
        (['a', 'b\nc'], 'no class name'),
        (['a', 'b', 'a'], "'a' occurs 2 times"),
    ],
)
def test_bad_class_names_are_refused(names, message):
    with pytest.raises(ValueError, match=message):
        PrototypeMemory(names, 4)


@pytest.mark.parametrize('momentum', [0, -0.1, 1.5])
def test_bad_momentum_is_refused(momentum):
    with pytest.raises(ValueError, match=r'\(0, 1\]'):
        PrototypeMemory(['a'], 4, momentum=momentum)


def test_reset_checks_the_shape():
    with pytest.raises(ValueError, match=r'\(3, 4\)'):
        make().reset(torch.eye(3))


def test_ten_thousand_classes_are_quick_to_name():
    memory = PrototypeMemory([f'species {i}' for i in range(10_000)], 8)
    assert memory.class_names[9_999] == 'species 9999'
