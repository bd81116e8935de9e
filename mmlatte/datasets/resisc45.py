from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class RESISC45(CoOpBenchmark):
    """RESISC45: 31,500 aerial photos of 45 scenes.

    From `Remote Sensing Image Scene Classification
    <https://arxiv.org/abs/1703.00121>`_::

        data_root/
        ├── NWPU-RESISC45/<class>/<class>_<n>.jpg
        └── split_RESISC45.json

    ``python tools/prepare_dataset.py resisc45`` makes it,
    with the split of arXiv 1911.06721.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'resisc45'
    IMAGE_FOLDER = 'NWPU-RESISC45'
    SPLIT_FILE = 'split_RESISC45.json'
