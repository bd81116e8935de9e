from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class StanfordCars(CoOpBenchmark):
    """Stanford Cars: 16,185 photos of 196 models.

    From `3D Object Representations for Fine-Grained Categorization
    <https://doi.org/10.1109/ICCVW.2013.77>`_::

        data_root/
        ├── cars_train/ and cars_test/
        └── split_zhou_StanfordCars.json

    ``python tools/prepare_dataset.py stanford_cars`` makes it,
    from files you fetch.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'stanford_cars'
    IMAGE_FOLDER = ''
    SPLIT_FILE = 'split_zhou_StanfordCars.json'
