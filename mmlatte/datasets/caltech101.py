from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class Caltech101(CoOpBenchmark):
    """Caltech101: pictures of objects in 100 categories.

    From `Learning Generative Visual Models from Few Training Examples
    <https://doi.org/10.1109/CVPR.2004.383>`_::

        data_root/
        ├── 101_ObjectCategories/<Class>/image_<n>.jpg
        └── split_zhou_Caltech101.json

    ``python tools/prepare_dataset.py caltech101`` makes it.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'caltech101'
    IMAGE_FOLDER = '101_ObjectCategories'
    SPLIT_FILE = 'split_zhou_Caltech101.json'
