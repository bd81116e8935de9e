from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class Food101(CoOpBenchmark):
    """Food-101: 101,000 photos of 101 dishes.

    From `Food-101 – Mining Discriminative Components with Random Forests
    <https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/>`_::

        data_root/
        ├── images/<class>/<n>.jpg
        └── split_zhou_Food101.json

    ``python tools/prepare_dataset.py food101`` makes it.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'food101'
    IMAGE_FOLDER = 'images'
    SPLIT_FILE = 'split_zhou_Food101.json'
