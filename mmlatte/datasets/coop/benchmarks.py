"""The known data sets in the layout of CoOp: a folder and a split file."""

from mmlatte.registry import DATASETS

from .coop_benchmark import CoOpBenchmark


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


@DATASETS.register_module()
class DTD(CoOpBenchmark):
    """Describable Textures Dataset: 5,640 photos, 47 textures.

    From `Describing Textures in the Wild
    <https://arxiv.org/abs/1311.3618>`_::

        data_root/
        ├── images/<class>/<class>_<n>.jpg
        └── split_zhou_DescribableTextures.json

    ``python tools/prepare_dataset.py dtd`` makes it.
    See `CoOpBenchmark` for the arguments.
    """

    NAME = 'dtd'
    IMAGE_FOLDER = 'images'
    SPLIT_FILE = 'split_zhou_DescribableTextures.json'


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
