from mmlatte.datasets.sample_index import SampleIndex

from .coop_split import CoOpSplitDataset


class CoOpBenchmark(CoOpSplitDataset):
    """A known data set in the layout of CoOp's DATASETS.md.

    A subclass names its folder and its split file.

    Args:
        data_root (str): Folder of the data set.
        split (str): ``'train'`` (train and val) or ``'test'``. Defaults to
            'train'.
        split_file (str, optional): Another split file, relative to
            `data_root`.
        image_folder (str, optional): Another image folder, relative to
            `data_root`.
        **kwargs: As for :class:`CoOpSplitDataset`.

    Attributes:
        NAME (str): What ``tools/prepare_dataset.py`` calls the data set.
        IMAGE_FOLDER (str): Relative to `data_root`.
        SPLIT_FILE (str): Relative to `data_root`.
    """

    NAME: str
    IMAGE_FOLDER: str
    SPLIT_FILE: str

    def __init__(
        self,
        data_root: str,
        split: str = 'train',
        split_file: str | None = None,
        image_folder: str | None = None,
        **kwargs,
    ) -> None:
        if image_folder is None:
            image_folder = self.IMAGE_FOLDER
        super().__init__(
            data_root=data_root,
            split_file=split_file or self.SPLIT_FILE,
            split=split,
            image_folder=image_folder,
            **kwargs,
        )

    def load_data_list(self) -> SampleIndex:
        """Read the split file; where something is missing, name the tool."""
        try:
            return super().load_data_list()
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'{error}\n`python tools/prepare_dataset.py {self.NAME} '
                f'--root {self.data_root}` prepares this data set, or lists '
                'what to fetch.'
            ) from error
