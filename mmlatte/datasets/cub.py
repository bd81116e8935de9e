from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class CUB(CoOpBenchmark):
    """CUB-200-2011: 11,788 photos of 200 kinds of birds.

    From `The Caltech-UCSD Birds-200-2011 Dataset
    <https://authors.library.caltech.edu/27452/>`_::

        data_root/
        ├── CUB_200_2011/images/<n>.<Class>/<file>.jpg
        └── split_CUB.json

    ``python tools/prepare_dataset.py cub`` makes it,
    with the official split.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'cub'
    IMAGE_FOLDER = 'CUB_200_2011/images'
    SPLIT_FILE = 'split_CUB.json'
