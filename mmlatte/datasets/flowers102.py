from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class Flowers102(CoOpBenchmark):
    """Oxford Flowers: 8,189 photos of 102 kinds.

    From `Automated Flower Classification over a Large Number of Classes
    <https://www.robots.ox.ac.uk/~vgg/data/flowers/102/>`_::

        data_root/
        ├── jpg/image_<n>.jpg
        └── split_zhou_OxfordFlowers.json

    ``python tools/prepare_dataset.py flowers102`` makes it.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'flowers102'
    IMAGE_FOLDER = 'jpg'
    SPLIT_FILE = 'split_zhou_OxfordFlowers.json'
