from .global_batch_sampler import GlobalBatchSampler

__all__ = ['GlobalBatchSampler']
