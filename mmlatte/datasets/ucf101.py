from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class UCF101(CoOpBenchmark):
    """UCF101: the middle frames of 13,320 videos of 101 actions.

    From `UCF101: A Dataset of 101 Human Actions Classes
    <https://arxiv.org/abs/1212.0402>`_::

        data_root/
        ├── UCF-101-midframes/<Action>/<video>.jpg
        └── split_zhou_UCF101.json

    ``python tools/prepare_dataset.py ucf101`` makes it.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'ucf101'
    IMAGE_FOLDER = 'UCF-101-midframes'
    SPLIT_FILE = 'split_zhou_UCF101.json'
