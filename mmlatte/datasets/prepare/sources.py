"""Where the data sets come from, and what they must hold.

Checksums are those of torchvision and torchgeo, or of the data set's own
page; where none is published there is none.
"""

from dataclasses import dataclass

__all__ = ['SOURCES', 'Archive', 'Source']

DRIVE = 'https://drive.google.com/uc?export=download&id='
VGG = 'https://www.robots.ox.ac.uk/~vgg/data'
RESISC = (
    'https://hf.co/datasets/isaaccorley/resisc45/resolve/'
    '883edc0eee77b2c84225472f10f126e3ed83fa6e'
)
IN_DOMAIN = 'https://storage.googleapis.com/remote_sensing_representations'


@dataclass(frozen=True)
class Archive:
    """A file to download, and to extract if it is an archive.

    Attributes:
        url (str): Where it is; '' if there is no stable public source.
        file (str): Its name in the folder of the data set.
        checksum (str): ``'md5:...'``, ``'sha256:...'`` or ''.
        member (str): Folder inside the archive that is wanted; '' for a file
            that is used as it is.
        folder (str): What `member` is called in the folder of the data set;
            the data set needs no download once it is there.
        page (str): Where a person finds it, if there is no `url`.
    """

    url: str
    file: str
    checksum: str = ''
    member: str = ''
    folder: str = ''
    page: str = ''


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        dataset (dict): Config of the dataset class, without `data_root`.
        classes (int): Number of classes.
        train (int): Training images (CoOp's train and val).
        test (int): Test images.
        files (tuple[Archive, ...]): What it is made of.
        convert (str): Name of the step in `converters` that follows.
    """

    dataset: dict
    classes: int
    train: int
    test: int
    files: tuple[Archive, ...]
    convert: str = ''


def _coop(
    kind: str, split: str, drive: str, *files: Archive, counts
) -> Source:
    classes, train, test = counts
    name = f'split_zhou_{split}.json'
    return Source(
        dict(type=f'mmlatte.{kind}'),
        classes,
        train,
        test,
        (*files, Archive(DRIVE + drive, name)),
    )


SOURCES: dict[str, Source] = {
    'caltech101': Source(
        dict(type='mmlatte.Caltech101'),
        100,
        5777,
        2465,
        (
            Archive(
                'https://data.caltech.edu/records/mzrjq-6wc02/files/'
                'caltech-101.zip',
                'caltech-101.zip',
                'md5:3138e1922a9193bfa496528edbbc45d0',
                'caltech-101',
                'caltech-101',
            ),
            Archive(
                f'{DRIVE}1hyarUivQE36mY6jSomru6Fjd-JzwcCzN',
                'split_zhou_Caltech101.json',
            ),
        ),
        convert='caltech101',
    ),
    'dtd': _coop(
        'DTD',
        'DescribableTextures',
        '1u3_QfB467jqHgNXC00UIzbLZRQCg2S7x',
        Archive(
            f'{VGG}/dtd/download/dtd-r1.0.1.tar.gz',
            'dtd-r1.0.1.tar.gz',
            'md5:fff73e5086ae6bdbea199a49dfb8a4c1',
            'dtd/images',
            'images',
        ),
        counts=(47, 3948, 1692),
    ),
    'eurosat': _coop(
        'EuroSAT',
        'EuroSAT',
        '1Ip7yaCWFi0eaOFUGga0lUdVi_DDQth1o',
        Archive(
            'https://huggingface.co/datasets/torchgeo/eurosat/resolve/'
            'c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip',
            'EuroSAT.zip',
            'md5:c8fa014336c82ac7804f0398fcb19387',
            '2750',
            '2750',
        ),
        counts=(10, 18900, 8100),
    ),
    'fgvc_aircraft': Source(
        dict(type='mmlatte.FGVCAircraft'),
        100,
        6667,
        3333,
        (
            Archive(
                f'{VGG}/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz',
                'fgvc-aircraft-2013b.tar.gz',
                member='fgvc-aircraft-2013b/data',
                folder='data',
            ),
        ),
        convert='fgvc_aircraft',
    ),
    'flowers102': _coop(
        'Flowers102',
        'OxfordFlowers',
        '1Pp0sRXzZFZq15zVOzKjKBu4A9i01nozT',
        Archive(
            f'{VGG}/flowers/102/102flowers.tgz',
            '102flowers.tgz',
            'md5:52808999861908f626f3c1f4e79d11fa',
            'jpg',
            'jpg',
        ),
        counts=(102, 5726, 2463),
    ),
    'food101': _coop(
        'Food101',
        'Food101',
        '1QK0tGi096I0Ba6kggatX1ee6dJFIcEJl',
        Archive(
            'http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz',
            'food-101.tar.gz',
            'md5:85eeb15f3717b99a5da872d97d918f87',
            'food-101/images',
            'images',
        ),
        counts=(101, 70700, 30300),
    ),
    'oxford_pets': _coop(
        'OxfordPets',
        'OxfordPets',
        '1501r8Ber4nNKvmlFVQZ8SeUHTcdTTEqs',
        Archive(
            f'{VGG}/pets/data/images.tar.gz',
            'images.tar.gz',
            'md5:5c4f3ee8e5d25df40f4fd59a7f44e54c',
            'images',
            'images',
        ),
        counts=(37, 3680, 3669),
    ),
    'stanford_cars': _coop(
        'StanfordCars',
        'StanfordCars',
        '1ObCFbaAgVu0I-k_Au-gIUcefirdAuizT',
        *(
            Archive(
                '',
                f'{part}.tgz',
                member=part,
                folder=part,
                page='the files of ai.stanford.edu/~jkrause/car196 are gone; '
                'copies are on Kaggle and elsewhere ("Stanford Cars")',
            )
            for part in ('cars_train', 'cars_test')
        ),
        counts=(196, 8144, 8041),
    ),
    'sun397': _coop(
        'SUN397',
        'SUN397',
        '1y2RD81BYuiyvebdN-JymPfyWYcd8_MUq',
        Archive(
            'http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz',
            'SUN397.tar.gz',
            'md5:8ca2778205c41d23104230ba66911c7a',
            'SUN397',
            'SUN397',
        ),
        counts=(397, 19850, 19850),
    ),
    'ucf101': _coop(
        'UCF101',
        'UCF101',
        '1I0S0q91hJfsV9Gf4xDIjgDq4AqBNJb1y',
        Archive(
            '',
            'UCF-101-midframes.zip',
            member='UCF-101-midframes',
            folder='UCF-101-midframes',
            page='https://drive.google.com/file/d/'
            '10Jqome3vtUA2keJkNanAiFpgbyC9Hc2O (Google Drive hands out files '
            'of this size to browsers only)',
        ),
        counts=(101, 9537, 3783),
    ),
    'resisc45': Source(
        dict(type='mmlatte.RESISC45'),
        45,
        25200,
        6300,
        (
            Archive(
                f'{RESISC}/NWPU-RESISC45.zip',
                'NWPU-RESISC45.zip',
                'sha256:beeecd0b63656290ae6d65cf7763185b0c1c4c54a753ef8088d6f'
                'ba3faaf1f53',
                'NWPU-RESISC45',
                'NWPU-RESISC45',
            ),
            Archive(
                f'{RESISC}/resisc45-train.txt',
                'resisc45-train.txt',
                'sha256:ecfa963be4d85eac83665f8be8634abcb4fe6f3546472cc0e8799'
                '9e2cab4449b',
            ),
            Archive(
                f'{RESISC}/resisc45-val.txt',
                'resisc45-val.txt',
                'sha256:08d81f642526bec240589000af7f49a47e8d071a6e7925b0f3624'
                '6a78ab64342',
            ),
            Archive(
                f'{RESISC}/resisc45-test.txt',
                'resisc45-test.txt',
                'sha256:e0927e80130b47317a2f18520d98382b6fc56f0d3edd3345140f7'
                'd02267c3805',
            ),
        ),
        convert='resisc45',
    ),
    'ucmerced': Source(
        dict(type='mmlatte.UCMerced'),
        21,
        1680,
        420,
        (
            Archive(
                'https://huggingface.co/datasets/torchgeo/ucmerced/resolve/'
                'main/UCMerced_LandUse.zip',
                'UCMerced_LandUse.zip',
                'md5:5b7ec56793786b6dc8a908e8854ac0e4',
                'UCMerced_LandUse',
                'UCMerced_LandUse',
            ),
            Archive(
                f'{IN_DOMAIN}/uc_merced-train.txt',
                'uc_merced-train.txt',
                'md5:f2fb12eb2210cfb53f93f063a35ff374',
            ),
            Archive(
                f'{IN_DOMAIN}/uc_merced-val.txt',
                'uc_merced-val.txt',
                'md5:11ecabfc52782e5ea6a9c7c0d263aca0',
            ),
            Archive(
                f'{IN_DOMAIN}/uc_merced-test.txt',
                'uc_merced-test.txt',
                'md5:046aff88472d8fc07c4678d03749e28d',
            ),
        ),
        convert='ucmerced',
    ),
    'cub': Source(
        dict(type='mmlatte.CUB'),
        200,
        5994,
        5794,
        (
            Archive(
                'https://data.caltech.edu/records/65de6-vp158/files/'
                'CUB_200_2011.tgz',
                'CUB_200_2011.tgz',
                'md5:97eceeb196236b17998738112f37df78',
                'CUB_200_2011',
                'CUB_200_2011',
            ),
        ),
        convert='cub',
    ),
    'cifar10': Source(
        dict(type='mmlatte.ClassFolder'),
        10,
        50000,
        10000,
        (
            Archive(
                'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz',
                'cifar-10-binary.tar.gz',
                'md5:c32a1d4ab5d03f1284b67883e8d87530',
                'cifar-10-batches-bin',
                'cifar-10-batches-bin',
            ),
        ),
        convert='cifar10',
    ),
    'cifar100': Source(
        dict(type='mmlatte.ClassFolder'),
        100,
        50000,
        10000,
        (
            Archive(
                'https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz',
                'cifar-100-binary.tar.gz',
                'md5:03b5dce01913d631647c71ecec9e9cb8',
                'cifar-100-binary',
                'cifar-100-binary',
            ),
        ),
        convert='cifar100',
    ),
    'imagenet': Source(
        dict(type='mmlatte.ClassFolder'),
        1000,
        1281167,
        50000,
        tuple(
            Archive(
                '',
                part,
                folder=part,
                page='https://image-net.org after registration; one folder '
                'per class (n01440764, ...) in train/ and in val/',
            )
            for part in ('train', 'val')
        ),
    ),
}
