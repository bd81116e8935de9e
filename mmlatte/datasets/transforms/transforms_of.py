from mmengine.dataset import BaseDataset
from torch.utils.data import Dataset

__all__ = ['transforms_of']


def transforms_of(dataset: Dataset) -> list:
    """Return the transforms of a dataset's pipeline.

    Args:
        dataset (Dataset): Of any kind; wrappers, such as ``RepeatDataset``,
            have no pipeline of their own.
    """
    if isinstance(dataset, BaseDataset):
        return dataset.pipeline.transforms
    return []
