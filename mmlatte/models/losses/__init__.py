from .contrastive_loss import ContrastiveLoss, contrastive_loss
from .gather import GlobalBatch, first_occurrences

__all__ = [
    'ContrastiveLoss',
    'GlobalBatch',
    'contrastive_loss',
    'first_occurrences',
]
