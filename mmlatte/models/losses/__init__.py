from .contrastive_loss import ContrastiveLoss, contrastive_loss
from .gather import GlobalBatch, first_occurrences
from .self_training import (
    cross_entropy,
    fairness_loss,
    log_mean_softmax,
    masked_mean,
)

__all__ = [
    'ContrastiveLoss',
    'GlobalBatch',
    'contrastive_loss',
    'cross_entropy',
    'fairness_loss',
    'first_occurrences',
    'log_mean_softmax',
    'masked_mean',
]
