"""The known data sets in the layout of CoOp: a folder and a split file.

``python tools/prepare_dataset.py NAME`` makes them.
"""

from mmlatte.registry import DATASETS

from .coop_benchmark import CoOpBenchmark


@DATASETS.register_module()
class Caltech101(CoOpBenchmark):
    """Caltech101: pictures of objects in 100 categories.

    `Learning Generative Visual Models from Few Training Examples
    <https://doi.org/10.1109/CVPR.2004.383>`_.
    """

    NAME = 'caltech101'
    IMAGE_FOLDER = '101_ObjectCategories'
    SPLIT_FILE = 'split_zhou_Caltech101.json'


@DATASETS.register_module()
class CUB(CoOpBenchmark):
    """CUB-200-2011: 11,788 photos of 200 kinds of birds.

    `The Caltech-UCSD Birds-200-2011 Dataset
    <https://authors.library.caltech.edu/27452/>`_, with the official split.
    """

    NAME = 'cub'
    IMAGE_FOLDER = 'CUB_200_2011/images'
    SPLIT_FILE = 'split_CUB.json'


@DATASETS.register_module()
class DTD(CoOpBenchmark):
    """Describable Textures Dataset: 5,640 photos, 47 textures.

    `Describing Textures in the Wild
    <https://arxiv.org/abs/1311.3618>`_.
    """

    NAME = 'dtd'
    IMAGE_FOLDER = 'images'
    SPLIT_FILE = 'split_zhou_DescribableTextures.json'


@DATASETS.register_module()
class Flowers102(CoOpBenchmark):
    """Oxford Flowers: 8,189 photos of 102 kinds.

    `Automated Flower Classification over a Large Number of Classes
    <https://www.robots.ox.ac.uk/~vgg/data/flowers/102/>`_.
    """

    NAME = 'flowers102'
    IMAGE_FOLDER = 'jpg'
    SPLIT_FILE = 'split_zhou_OxfordFlowers.json'


@DATASETS.register_module()
class Food101(CoOpBenchmark):
    """Food-101: 101,000 photos of 101 dishes.

    `Food-101 – Mining Discriminative Components with Random Forests
    <https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101/>`_.
    """

    NAME = 'food101'
    IMAGE_FOLDER = 'images'
    SPLIT_FILE = 'split_zhou_Food101.json'


@DATASETS.register_module()
class OxfordPets(CoOpBenchmark):
    """Oxford-IIIT Pets: 7,349 photos of 37 breeds of cats and dogs.

    `Cats and Dogs
    <https://www.robots.ox.ac.uk/~vgg/data/pets/>`_.
    """

    NAME = 'oxford_pets'
    IMAGE_FOLDER = 'images'
    SPLIT_FILE = 'split_zhou_OxfordPets.json'


@DATASETS.register_module()
class RESISC45(CoOpBenchmark):
    """RESISC45: 31,500 aerial photos of 45 scenes.

    `Remote Sensing Image Scene Classification
    <https://arxiv.org/abs/1703.00121>`_, with the split of arXiv 1911.06721.
    """

    NAME = 'resisc45'
    IMAGE_FOLDER = 'NWPU-RESISC45'
    SPLIT_FILE = 'split_RESISC45.json'


@DATASETS.register_module()
class StanfordCars(CoOpBenchmark):
    """Stanford Cars: 16,185 photos of 196 models.

    `3D Object Representations for Fine-Grained Categorization
    <https://doi.org/10.1109/ICCVW.2013.77>`_.
    """

    NAME = 'stanford_cars'
    IMAGE_FOLDER = ''
    SPLIT_FILE = 'split_zhou_StanfordCars.json'


@DATASETS.register_module()
class SUN397(CoOpBenchmark):
    """SUN397: 39,700 photos of 397 scenes (of the 108,754).

    `SUN Database: Large-scale Scene Recognition from Abbey to Zoo
    <https://vision.princeton.edu/projects/2010/SUN/>`_.
    """

    NAME = 'sun397'
    IMAGE_FOLDER = 'SUN397'
    SPLIT_FILE = 'split_zhou_SUN397.json'


@DATASETS.register_module()
class UCF101(CoOpBenchmark):
    """UCF101: the middle frames of 13,320 videos of 101 actions.

    `UCF101: A Dataset of 101 Human Actions Classes
    <https://arxiv.org/abs/1212.0402>`_.
    """

    NAME = 'ucf101'
    IMAGE_FOLDER = 'UCF-101-midframes'
    SPLIT_FILE = 'split_zhou_UCF101.json'


@DATASETS.register_module()
class UCMerced(CoOpBenchmark):
    """UC Merced: 2,100 aerial photos of 21 kinds of land use.

    `Bag-of-Visual-Words and Spatial Extensions
    <https://doi.org/10.1145/1869790.1869829>`_, with the split of arXiv
    1911.06721.
    """

    NAME = 'ucmerced'
    IMAGE_FOLDER = 'UCMerced_LandUse/Images'
    SPLIT_FILE = 'split_UCMerced.json'
