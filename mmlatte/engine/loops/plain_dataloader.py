from torch.utils.data import DataLoader

from mmlatte.datasets.samplers import GlobalBatchSampler, Repeats
from mmlatte.datasets.wrappers import is_wrapped, unwrap
from mmlatte.registry import DATA_SAMPLERS, DATASETS

__all__ = ['plain_dataloader']


def plain_dataloader(dataloader: dict | DataLoader) -> dict | DataLoader:
    """Take a wrapped data set apart: distinct samples, and their order.

    Labels, features and texts belong to distinct samples, which hooks find as
    the loader's data set; what a wrapper repeats is up to the sampler.

    Args:
        dataloader (dict | DataLoader): Of the training images.

    Raises:
        ValueError: If there are repeats and another batch sampler than
            ``mmlatte.GlobalBatchSampler``.
    """
    if not isinstance(dataloader, dict):
        return dataloader
    config = dataloader['dataset']
    if not isinstance(config, dict) or not is_wrapped(config):
        return dataloader
    dataset, order = unwrap(DATASETS.build(config))
    loader = {**dataloader, 'dataset': dataset}
    if order is not None:
        batches = (loader.get('batch_sampler') or {}).get('type')
        kind = DATA_SAMPLERS.get(batches) if batches else None
        if kind is not GlobalBatchSampler:
            raise ValueError(
                f'{config["type"]} repeats samples, for which '
                "train_dataloader.batch_sampler=dict(type='mmlatte."
                "GlobalBatchSampler') is needed"
            )
        loader['sampler'] = {**loader['sampler'], 'dataset': Repeats(order)}
    return loader
