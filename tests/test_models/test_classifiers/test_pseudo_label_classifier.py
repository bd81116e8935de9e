"""FPL, IFPL, GRIP and CPL: candidates and losses against loops."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmlatte.models import PseudoLabelClassifier
from mmlatte.models.pseudo_labels import (
    CandidateSelection,
    GrowingSelection,
    TopKSelection,
    candidate_loss,
    inter_instance,
    intra_instance,
    top_k_per_class,
)

SELECTIONS = {
    'fpl': dict(type='mmlatte.TopKSelection', k=2),
    'grip': dict(type='mmlatte.GrowingSelection'),
    'cpl': dict(type='mmlatte.CandidateSelection', alpha=0.6, beta=0.3),
}


def unit(x):
    return x / x.norm()


def predictions(seed: int, count: int = 11, classes: int = 4):
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(count, classes, generator=generator)).softmax(1)


def naive_quantile(values: list[float], q: float) -> float:
    values = sorted(values)
    position = q * (len(values) - 1)
    low = int(position)
    high = min(low + 1, len(values) - 1)
    return values[low] + (position - low) * (values[high] - values[low])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), q=st.floats(0, 1), k=st.integers(1, 15))
def test_candidates_equal_naive_loops(seed, q, k):
    p = predictions(seed)
    rows = p.tolist()
    chosen = top_k_per_class(p, k)
    for c in range(4):
        order = sorted(range(11), key=lambda i, c=c: -rows[i][c])[:k]
        assert chosen[:, c].nonzero().flatten().tolist() == sorted(order)

    tau = naive_quantile([max(row) for row in rows], q)
    intra = intra_instance(p, q)
    for i, row in enumerate(rows):
        order = sorted(range(4), key=lambda c, row=row: -row[c])
        total, prefix = 0.0, []
        for c in order:
            if prefix and total >= tau - 1e-7:
                break
            prefix.append(c)
            total += row[c]
        if abs(total - tau) > 1e-5:  # not decided by rounding
            assert intra[i].nonzero().flatten().tolist() == sorted(prefix)
        assert intra[i, order[0]]

    inter = inter_instance(p, q)
    for c in range(4):
        bound = naive_quantile([row[c] for row in rows], q)
        for i, row in enumerate(rows):
            if abs(row[c] - bound) > 1e-6:
                assert bool(inter[i, c]) == (row[c] > bound)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**31), rounds=st.integers(1, 5))
def test_selections_grow_to_all(seed, rounds):
    p = predictions(seed, count=24)
    fixed, growing = TopKSelection(3), GrowingSelection()
    sizes = []
    for r in range(rounds):
        assert fixed(p, r, rounds).sum(dim=0).tolist() == [3] * 4
        per_class = growing(p, r, rounds).sum(dim=0)
        assert (per_class == per_class[0]).all()  # no class is left out
        sizes.append(int(per_class[0]))
    assert sizes == sorted(sizes) and sizes[-1] == 24 // 4
    candidates = CandidateSelection(0.7, 0.5)(p, rounds - 1, rounds)
    both = intra_instance(p, 0.7) & inter_instance(p, 0.5)
    assert not (candidates & ~both).any()
    # A chosen image keeps all of its candidates.
    some = candidates.any(dim=1)
    assert torch.equal(candidates[some], both[some])


@pytest.mark.parametrize('partial', [False, True])
def test_loss_equals_naive_loop(partial):
    logits = torch.randn(5, 3, generator=torch.Generator().manual_seed(1))
    candidates = torch.tensor(
        [[1, 0, 0], [0, 0, 0], [1, 0, 1], [1, 1, 1], [0, 1, 0]]
    ).bool()
    valid = torch.tensor([True, True, True, True, False])
    terms = []
    for row, own, counts in zip(logits, candidates, valid, strict=True):
        p = row.softmax(0)
        members = [p[c] for c in range(3) if own[c] and counts]
        if partial and members:
            terms.append(-sum(members).log())
        elif not partial:
            terms += [-m.log() for m in members]
    expected = sum(terms) / len(terms)
    loss = candidate_loss(logits, candidates, valid, partial)
    torch.testing.assert_close(loss, expected)
    logits.requires_grad_()
    empty = torch.zeros_like(candidates)
    candidate_loss(logits, empty, valid, partial).backward()
    assert not logits.grad.any()  # zero, and not NaN


def test_predictions_of_other_images_are_forgotten(toy):
    selection = next(iter(SELECTIONS.values()))
    one = toy.model(
        PseudoLabelClassifier, tuning='NormTuning', selection=selection
    )
    one.set_frozen(toy.frozen([0] * 5))
    two = toy.model(
        PseudoLabelClassifier, tuning='NormTuning', selection=selection
    )
    two.load_state_dict(one.state_dict())
    two.set_frozen(toy.frozen([0] * 8))
    assert len(two.bank.probabilities) == 5  # a resumed run goes on
    two.forget_images()
    two.set_frozen(toy.frozen([0] * 8))
    assert len(two.bank.probabilities) == len(two.bank.candidates) == 8


@pytest.mark.parametrize('name', SELECTIONS)
@pytest.mark.parametrize('tower', ['visual', 'text'])
def test_step_equals_naive_loop(toy, name, tower):
    """Relabel from frozen features, one step, relabel from its outputs."""
    frozen = toy.frozen([0] * 8)
    model = toy.model(
        PseudoLabelClassifier,
        tuning='NormTuning',
        tower=tower,
        selection=SELECTIONS[name],
        rounds=2,
    )
    reference = toy.clip()
    scale = reference.logit_scale.exp().detach()
    model.set_frozen(frozen)
    probabilities = torch.stack(
        [
            torch.stack([scale * f @ c for c in classes]).softmax(0)
            for classes in [torch.from_numpy(frozen.class_features).double()]
            for f in torch.from_numpy(frozen.features).double()
        ]
    )
    model.start_epoch(0, 4)
    expected = model.selection(probabilities, 0, 2)
    assert torch.equal(model.bank.candidates, expected)

    ids = [5, 1, 7, 2]
    inputs = toy.images(4)
    loss = model(inputs, toy.samples(ids), mode='loss')['loss']
    loss.backward()
    terms = []
    texts = [f'a photo of a {c}.' for c in toy.classes]
    w = [unit(reference.encode_text(toy.tokenizer([t]))[0]) for t in texts]
    for i, x in zip(ids, inputs, strict=True):
        z = unit(reference.encode_image(x[None])[0])
        p = torch.stack([scale * z @ c for c in w]).softmax(0)
        probabilities[i] = p.detach()
        members = [p[c] for c in range(5) if expected[i, c]]
        if model.selection.partial:
            terms += [-sum(members).log()] if members else []
        else:
            terms += [-m.log() for m in members]
    total = sum(terms) / len(terms)
    torch.testing.assert_close(
        loss.detach(), total.detach(), atol=1e-8, rtol=0
    )
    total.backward()
    others = dict(reference.named_parameters())
    trained = 0
    for key, parameter in model.clip.named_parameters():
        if parameter.grad is not None:
            torch.testing.assert_close(
                parameter.grad, others[key].grad, rtol=1e-5, atol=1e-8
            )
            trained += bool(parameter.grad.any())
    assert trained > 4
    model.start_epoch(1, 4)  # inside the round
    assert torch.equal(model.bank.candidates, expected)
    model.start_epoch(2, 4)
    torch.testing.assert_close(model.bank.probabilities, probabilities)
    assert torch.equal(
        model.bank.candidates, model.selection(probabilities, 1, 2)
    )


def test_restart_and_resume(toy):
    options = dict(selection=SELECTIONS['grip'], rounds=2, restart=True)
    model = toy.model(PseudoLabelClassifier, tuning='NormTuning', **options)
    model.set_frozen(toy.frozen([0] * 8))
    model.start_epoch(0, 2)
    before = {n: p.clone() for n, p in model.clip.named_parameters()}
    with torch.no_grad():
        for parameter in model.clip.parameters():
            if parameter.requires_grad:
                parameter += 1
    model(toy.images(3), toy.samples([1, 2, 3]), mode='loss')
    other = toy.model(PseudoLabelClassifier, tuning='NormTuning', **options)
    other.load_state_dict(model.state_dict())
    other.set_frozen(toy.frozen([1] * 8))  # must not forget the predictions
    for m in (model, other):
        m.start_epoch(1, 2)
    assert torch.equal(model.bank.candidates, other.bank.candidates)
    for m in (model, other):
        for name, parameter in m.clip.named_parameters():
            if parameter.requires_grad:
                assert torch.allclose(parameter, before[name], atol=1e-6)


def test_uneven_rounds_are_refused(toy):
    model = toy.model(
        PseudoLabelClassifier, selection=SELECTIONS['grip'], rounds=3
    )
    model.set_frozen(toy.frozen([0] * 4))
    with pytest.raises(ValueError, match='max_epochs'):
        model.start_epoch(0, 4)
