from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class SUN397(CoOpBenchmark):
    """SUN397: 39,700 photos of 397 scenes (of the 108,754).

    From `SUN Database: Large-scale Scene Recognition from Abbey to Zoo
    <https://vision.princeton.edu/projects/2010/SUN/>`_::

        data_root/
        ├── SUN397/<letter>/<scene>/sun_<id>.jpg
        └── split_zhou_SUN397.json

    ``python tools/prepare_dataset.py sun397`` makes it.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'sun397'
    IMAGE_FOLDER = 'SUN397'
    SPLIT_FILE = 'split_zhou_SUN397.json'
