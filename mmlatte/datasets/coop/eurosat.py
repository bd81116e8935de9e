import errno
import os
import zipfile
from pathlib import Path

from mmlatte.datasets.download import download as fetch
from mmlatte.datasets.download import extract_zip, only_one
from mmlatte.datasets.sample_index import SampleIndex
from mmlatte.registry import DATASETS

from .coop_split import CoOpSplitDataset

FOLDER = '2750'
#: The archive and its folder, as they have been published under two names.
ARCHIVES = {'EuroSAT.zip': '2750', 'EuroSAT_RGB.zip': 'EuroSAT_RGB'}


@DATASETS.register_module()
class EuroSAT(CoOpSplitDataset):
    """EuroSAT: 27,000 Sentinel-2 images of 64 x 64 pixels in 10 classes.

    From `EuroSAT: A Novel Dataset and Deep Learning Benchmark for Land Use
    and Land Cover Classification <https://arxiv.org/abs/1709.00029>`_.
    Reads ``<data_root>/2750/<Class>/<Class>_<n>.jpg``, or ``EuroSAT_RGB`` in
    the place of ``2750``; extracts it from the archive ``EuroSAT.zip`` or
    ``EuroSAT_RGB.zip`` if need be, and downloads the first if asked to::

        data_root/
        ├── 2750/, EuroSAT_RGB/, EuroSAT.zip or EuroSAT_RGB.zip
        └── split_zhou_EuroSAT.json

    Args:
        data_root (str): Folder of the data set.
        split_file (str): The CoOp split file, relative to `data_root`.
            Defaults to ``'split_zhou_EuroSAT.json'``.
        split (str): ``'train'`` (train and val) or ``'test'``. Defaults to
            'train'.
        archive (str, optional): One of the archives at another place, for
            instance on a read-only disk. It is extracted to `data_root`.
        download (bool): Download what is absent. Defaults to False.
        **kwargs: As for :class:`CoOpSplitDataset`.
    """

    URL = (
        'https://huggingface.co/datasets/torchgeo/eurosat/resolve/'
        'c877bcd43f099cd0196738f714544e355477f3fd/EuroSAT.zip'
    )
    MD5 = 'c8fa014336c82ac7804f0398fcb19387'
    SPLIT_URL = (
        'https://drive.google.com/uc?export=download&'
        'id=1Ip7yaCWFi0eaOFUGga0lUdVi_DDQth1o'
    )
    SPLIT_FILE = 'split_zhou_EuroSAT.json'

    def __init__(
        self,
        data_root: str,
        split_file: str = SPLIT_FILE,
        split: str = 'train',
        archive: str | None = None,
        download: bool = False,
        **kwargs,
    ) -> None:
        self.archive = archive and os.path.expanduser(archive)
        self.download = download
        super().__init__(
            data_root=data_root,
            split_file=split_file,
            split=split,
            image_folder=_image_folder(Path(data_root).expanduser()),
            **kwargs,
        )

    def load_data_list(self) -> SampleIndex:
        """Prepare what is absent, then read the split."""
        self._prepare()
        return super().load_data_list()

    def _prepare(self) -> None:
        """Make images and split file present, or list what is missing."""
        root = Path(self.data_root)
        images = Path(self.img_prefix)
        archive = Path(self.archive or _archive(root))
        if self.archive and not archive.is_file():
            raise FileNotFoundError(f"archive='{archive}' does not exist.")
        if images.is_dir() and os.path.isfile(self.ann_file):
            return
        if not self.download:
            self._require(images, archive)
        try:
            with only_one(root, 'eurosat'):
                problems = self._fetch_missing(images, archive)
                if not problems and not images.is_dir():
                    extract_zip(archive, images, _folder_in(archive))
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                raise
            raise PermissionError(
                f"EuroSAT cannot be prepared in '{root}', which is not "
                'writable. Set data_root to a writable folder, and archive '
                'and split_file to the files you have.'
            ) from error
        if problems:
            raise RuntimeError(
                'EuroSAT is incomplete.\n' + '\n'.join(problems)
            )

    def _fetch_missing(self, images: Path, archive: Path) -> list[str]:
        """Download archive and split file; return what went wrong."""
        wanted = []
        if not images.is_dir() and not archive.is_file():
            wanted.append((self.URL, archive, self.MD5))
        if not os.path.isfile(self.ann_file):
            wanted.append((self.SPLIT_URL, self.ann_file, None))
        problems = []
        for url, target, md5 in wanted:
            try:
                fetch(url, target, md5)
            except RuntimeError as error:
                problems.append(f'  {error}')
        return problems

    def _require(self, images: Path, archive: Path) -> None:
        lines = []
        if not images.is_dir() and not archive.is_file():
            lines.append(
                f"  images: neither folder '{images}' nor archive "
                f"'{archive}'; source: {self.URL}"
            )
        if not os.path.isfile(self.ann_file):
            lines.append(
                f"  CoOp split: no file '{self.ann_file}'; source: "
                f'{self.SPLIT_URL}'
            )
        if lines:
            raise FileNotFoundError(
                'EuroSAT is incomplete; put there what is missing, or set '
                'download=True:\n' + '\n'.join(lines)
            )


def _image_folder(root: Path) -> str:
    """The folder of the images, by the name that is there."""
    there = [name for name in ARCHIVES.values() if (root / name).is_dir()]
    return there[0] if there else FOLDER


def _archive(root: Path) -> Path:
    """The archive that is there; the one to download, if none is."""
    there = [root / name for name in ARCHIVES if (root / name).is_file()]
    return there[0] if there else root / 'EuroSAT.zip'


def _folder_in(archive: Path) -> str:
    """The top folder of an archive, whatever the file is called."""
    try:
        with zipfile.ZipFile(archive) as file:
            tops = {name.split('/', 1)[0] for name in file.namelist()}
    except (OSError, zipfile.BadZipFile):
        return FOLDER  # extracting words the problem
    found = [name for name in ARCHIVES.values() if name in tops]
    return found[0] if found else FOLDER
