from .dual_pseudo_label_head import DualPseudoLabelHead, nearest_prototype

__all__ = ['DualPseudoLabelHead', 'nearest_prototype']
