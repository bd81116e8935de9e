from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class DTD(CoOpBenchmark):
    """Describable Textures Dataset: 5,640 photos, 47 textures.

    From `Describing Textures in the Wild
    <https://arxiv.org/abs/1311.3618>`_::

        data_root/
        ├── images/<class>/<class>_<n>.jpg
        └── split_zhou_DescribableTextures.json

    ``python tools/prepare_dataset.py dtd`` makes it.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'dtd'
    IMAGE_FOLDER = 'images'
    SPLIT_FILE = 'split_zhou_DescribableTextures.json'
