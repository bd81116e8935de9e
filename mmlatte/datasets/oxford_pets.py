from mmlatte.datasets.coop_benchmark import CoOpBenchmark
from mmlatte.registry import DATASETS


@DATASETS.register_module()
class OxfordPets(CoOpBenchmark):
    """Oxford-IIIT Pets: 7,349 photos of 37 breeds of cats and dogs.

    From `Cats and Dogs
    <https://www.robots.ox.ac.uk/~vgg/data/pets/>`_::

        data_root/
        ├── images/<Breed>_<n>.jpg
        └── split_zhou_OxfordPets.json

    ``python tools/prepare_dataset.py oxford_pets`` makes it.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'oxford_pets'
    IMAGE_FOLDER = 'images'
    SPLIT_FILE = 'split_zhou_OxfordPets.json'
