from .global_batch_sampler import GlobalBatchSampler, Repeats

__all__ = ['GlobalBatchSampler', 'Repeats']
