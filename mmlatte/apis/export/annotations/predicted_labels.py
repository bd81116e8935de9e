import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.datasets.answers import NONE, NONE_LABEL, AnswersError
from mmlatte.datasets.answers.formats.table import read_text, records
from mmlatte.datasets.image_list import image_root

__all__ = ['PredictedLabels']

COLUMNS = ('image', 'class', 'confidence')


@dataclass
class PredictedLabels:
    """The predictions of images, as a file of predictions holds them.

    Args:
        ids (Sequence[str]): Paths relative to the folder of images, N.
        paths (Sequence[str]): The files.
        classes (Sequence[str]): Names of the C classes.
        labels (np.ndarray): int64 (N,), ``NONE_LABEL`` for none of them.
        scores (np.ndarray): float64 (N,), confidences.
    """

    ids: Sequence[str]
    paths: Sequence[str]
    classes: Sequence[str]
    labels: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(
        cls,
        predictions: str | os.PathLike,
        images: str | None = None,
        classes: Sequence[str] | None = None,
    ) -> 'PredictedLabels':
        """Read predictions.

        Args:
            predictions (str | os.PathLike): Folder of results of
                ``tools/adapt.py``, or a ``.csv`` of ``tools/predict.py``.
            images (str, optional): Folder of the images; a folder of results
                knows its own.
            classes (Sequence[str], optional): The classes; a folder of
                results knows its own. Defaults to those that were predicted,
                sorted.

        Raises:
            FileNotFoundError: If there are no predictions.
            ValueError: If a file is given without ``images``.
            AnswersError: If anything is wrong in the file.
        """
        path = Path(predictions).expanduser()
        if path.is_dir():
            config = path / 'config.py'
            path = path / 'predictions.csv'
            if not config.is_file() or not path.is_file():
                raise FileNotFoundError(
                    f'{path.parent} holds no config.py and predictions.csv: '
                    'give the folder of results of tools/adapt.py, once it '
                    'is done, or a .csv of predictions'
                )
            run = Config.fromfile(str(config))
            root = run.train_dataloader.dataset.data_root
            images = images or image_root(root)
            classes = classes or run.model.class_names
        if images is None:
            raise ValueError(
                f'{path}: name the folder of its images (--images)'
            )
        return _read(path, Path(images).expanduser(), classes)


def _read(
    path: Path, root: Path, classes: Sequence[str] | None
) -> PredictedLabels:
    rows = records(read_text(path), ',')
    header = next(rows, (1, []))[1]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise AnswersError(
            [f'{path}:1: has no column {missing[0]!r}, but {header}']
        )
    problems, found, unread = [], [], 0
    for line, row in rows:
        cells = dict(zip(header, row, strict=False))
        if cells.get('error'):
            unread += 1
            continue
        try:
            place = os.path.relpath(cells['image'], root)
            if place.startswith('..'):
                raise ValueError(f'image {cells["image"]!r} is not in {root}')
            name = cells['class']
            if classes is not None and name not in (*classes, NONE):
                raise ValueError(f'class {name!r} is none of {[*classes]}')
            found.append((place, name, float(cells['confidence'])))
        except (KeyError, ValueError) as error:
            problems.append(f'{path}:{line}: {error}')
    if problems:
        raise AnswersError(problems)
    if unread:
        print_log(
            f'{path}: left out are {unread} files that could not be read',
            'current',
        )
    names = {name for _, name, _ in found} - {NONE}
    classes = sorted(names) if classes is None else [*classes]
    number = {**{name: i for i, name in enumerate(classes)}, NONE: NONE_LABEL}
    return PredictedLabels(
        [place.replace(os.sep, '/') for place, _, _ in found],
        [os.path.join(root, place) for place, _, _ in found],
        classes,
        np.array([number[name] for _, name, _ in found], np.int64),
        np.array([score for _, _, score in found], np.float64),
    )
