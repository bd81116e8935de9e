from .warmup_cosine_lr import WarmupCosineLR, highest_rate

__all__ = ['WarmupCosineLR', 'highest_rate']
