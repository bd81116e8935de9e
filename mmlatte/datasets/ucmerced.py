from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class UCMerced(CoOpBenchmark):
    """UC Merced: 2,100 aerial photos of 21 kinds of land use.

    From `Bag-of-Visual-Words and Spatial Extensions
    <https://doi.org/10.1145/1869790.1869829>`_::

        data_root/
        ├── UCMerced_LandUse/Images/<class>/<class><n>.tif
        └── split_UCMerced.json

    ``python tools/prepare_dataset.py ucmerced`` makes it,
    with the split of arXiv 1911.06721.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'ucmerced'
    IMAGE_FOLDER = 'UCMerced_LandUse/Images'
    SPLIT_FILE = 'split_UCMerced.json'
