"""The images of an inferencer, prepared as the config sets."""

from mmengine.config import Config
from mmengine.dataset import default_collate
from torch.utils.data import Dataset

from mmlatte.datasets.wrappers import leaf_configs
from mmlatte.decode_image import MissingPackageError

from .image_input import image_to_bgr

__all__ = ['ImageDataset', 'collate_readable', 'test_pipeline']


class ImageDataset(Dataset):
    """Images through a pipeline; an error is a result."""

    def __init__(self, items: list, pipeline: tuple) -> None:
        self.items = items
        self.load, self.transforms = pipeline

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[dict | None, str]:
        item = self.items[index]
        try:
            if isinstance(item, str):
                sample = self.load(dict(img_path=item, sample_id=item))
            else:
                image = image_to_bgr(item, self.load)
                shape = image.shape[:2]
                sample = dict(img=image, img_shape=shape, ori_shape=shape)
        except MissingPackageError:
            raise
        except (OSError, RuntimeError, SyntaxError, ValueError) as error:
            return None, f'{error}' or type(error).__name__
        sample['sample_idx'] = index
        return self.transforms(sample), ''


def collate_readable(samples: list) -> tuple[dict | None, list[str]]:
    """Collate the readable images; an error, or '', for each."""
    loaded = [sample for sample, error in samples if not error]
    errors = [error for _, error in samples]
    return (default_collate(loaded) if loaded else None), errors


def test_pipeline(cfg: Config) -> list[dict]:
    """Return the pipeline that a config evaluates with.

    Raises:
        ValueError: If the config has none.
    """
    for part in ('test', 'val'):
        loader = cfg.get(f'{part}_dataloader')
        if loader is not None:
            return next(leaf_configs(loader.dataset)).pipeline
    if 'test_pipeline' in cfg:
        return cfg.test_pipeline
    raise ValueError(
        'the config has no test_dataloader, val_dataloader or test_pipeline: '
        'nothing defines how images are prepared'
    )
