from .contrastive_loss import ContrastiveLoss, contrastive_loss
from .self_training import (
    cross_entropy,
    fairness_loss,
    log_mean_softmax,
    masked_mean,
)
from .vocabulary_replay import VocabularyReplay

__all__ = [
    'ContrastiveLoss',
    'VocabularyReplay',
    'contrastive_loss',
    'cross_entropy',
    'fairness_loss',
    'log_mean_softmax',
    'masked_mean',
]
