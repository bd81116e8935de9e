import os

from mmengine.logging import print_log

from mmlatte.datasets.coop.coop_split import CoOpSplitDataset
from mmlatte.datasets.download import only_one
from mmlatte.datasets.sample_index import SampleIndex
from mmlatte.registry import DATASETS

from .pictograms import build_demo_images


@DATASETS.register_module()
class OpenMoji(CoOpSplitDataset):
    """429 pictograms of OpenMoji in 11 classes: the images of the demo.

    Drawn from the pip packages of the ``demo`` extra when they are absent,
    see :func:`mmlatte.demo.build_demo_images`::

        data_root/
        ├── images/
        └── split.json

    Args:
        data_root (str): Folder of the data set.
        split (str): ``'train'`` or ``'test'``. Defaults to 'train'.
        **kwargs: As for :class:`CoOpSplitDataset`.
    """

    def __init__(self, data_root: str, split: str = 'train', **kwargs) -> None:
        super().__init__(
            data_root=data_root,
            split_file='split.json',
            split=split,
            image_folder='images',
            **kwargs,
        )

    def load_data_list(self) -> SampleIndex:
        """Draw the images if they are absent, then read the split."""
        with only_one(self.data_root, 'openmoji'):
            if not os.path.isfile(self.ann_file):
                print_log(
                    f'Drawing pictograms in {self.data_root}',
                    logger='current',
                )
                build_demo_images(self.data_root)
        return super().load_data_list()
