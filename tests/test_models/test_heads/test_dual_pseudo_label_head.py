import pytest
import torch

from mmlatte.models.heads import DualPseudoLabelHead, nearest_prototype


def test_nearest_prototype_by_hand():
    features = torch.tensor([[0.6, 0.8], [1.0, 0.0]])
    labels = nearest_prototype(features, torch.eye(2))
    assert labels.tolist() == [1, 0]


def test_a_source_without_weight_is_left_out():
    head = DualPseudoLabelHead(zero_shot_weight=0)
    labels = head.pseudo_labels(
        torch.eye(2), torch.eye(2), torch.tensor([0, 0])
    )
    assert list(labels) == ['finetuned']


def test_weights_scale_the_losses():
    images = torch.eye(3)
    targets = {s: torch.eye(3) * 0.5 for s in ('zero_shot', 'finetuned')}
    labels = {s: torch.arange(3) for s in targets}
    plain = DualPseudoLabelHead().loss(images, targets, labels, 5.0)
    weighted = DualPseudoLabelHead(
        zero_shot_weight=0.5, finetuned_weight=3
    ).loss(images, targets, labels, 5.0)
    torch.testing.assert_close(
        weighted['loss_zero_shot'], 0.5 * plain['loss_zero_shot']
    )
    torch.testing.assert_close(
        weighted['loss_finetuned'], 3 * plain['loss_finetuned']
    )


@pytest.mark.parametrize(
    'weights',
    [
        dict(zero_shot_weight=0, finetuned_weight=0),
        dict(zero_shot_weight=-1, finetuned_weight=1),
    ],
)
def test_senseless_weights_are_refused(weights):
    with pytest.raises(ValueError, match='one must be positive'):
        DualPseudoLabelHead(**weights)
