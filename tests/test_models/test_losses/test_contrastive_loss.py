import open_clip
import pytest
import torch
import torch.nn.functional as F

from mmlatte.models.losses import (
    ContrastiveLoss,
    contrastive_loss,
)


def features(batch=5, dim=8, seed=0):
    torch.manual_seed(seed)
    images = F.normalize(torch.randn(batch, dim), dim=1)
    return images, F.normalize(torch.randn(batch, dim), dim=1)


def test_diagonal_is_open_clips_loss():
    images, targets = features()
    expected = open_clip.ClipLoss()(images, targets, torch.tensor(20.0))
    actual = ContrastiveLoss()(images, targets, 20.0, torch.zeros(5))
    torch.testing.assert_close(actual, expected)


def test_class_positives_against_a_loop():
    images, targets = features()
    labels = torch.tensor([0, 1, 0, 0, 2])
    loss = ContrastiveLoss(positives='class')
    total = 0.0
    for a, b in ((images, targets), (targets, images)):
        for i in range(5):
            log_p = F.log_softmax(7.0 * a[i] @ b.T, dim=0)
            same = [j for j in range(5) if labels[j] == labels[i]]
            total -= sum(log_p[j] for j in same) / len(same) / 5 / 2
    torch.testing.assert_close(loss(images, targets, 7.0, labels), total)


@pytest.mark.parametrize('positives', ['diagonal', 'class'])
def test_invalid_samples_are_as_if_absent(positives):
    images, targets = features()
    images.requires_grad_()
    labels = torch.tensor([0, 1, 0, 0, 2])
    valid = torch.tensor([True, True, False, True, False])
    loss = ContrastiveLoss(positives=positives)
    masked = loss(images, targets, 30.0, labels, valid)
    expected = loss(images[valid], targets[valid], 30.0, labels[valid])
    torch.testing.assert_close(masked, expected)
    (gradient,) = torch.autograd.grad(masked, images)
    assert torch.isfinite(gradient).all()
    assert not gradient[~valid].any()


def test_gradient_against_finite_differences():
    images, targets = (f.double() for f in features(batch=3, dim=4))
    images.requires_grad_()
    targets.requires_grad_()
    scale = torch.tensor(3.0, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(contrastive_loss, (images, targets, scale))


def test_targets_are_normalised_on_request():
    images, targets = features()
    labels = torch.arange(5)
    plain = ContrastiveLoss(normalize_targets=True)
    torch.testing.assert_close(
        plain(images, 3 * targets, 10.0, labels),
        plain(images, targets, 10.0, labels),
    )


def test_unknown_positives_are_refused():
    with pytest.raises(ValueError, match="'diagonal' or 'class'"):
        ContrastiveLoss(positives='all')
