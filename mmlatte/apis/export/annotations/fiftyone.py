"""A dataset for FiftyOne, without a copy of the images."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.answers.answer import NONE
from mmlatte.datasets.answers.answer_arrays import NONE_LABEL

__all__ = ['write_fiftyone']


def write_fiftyone(
    folder: str | os.PathLike,
    ids: Sequence[str],
    paths: Sequence[str],
    class_names: Sequence[str],
    labels: np.ndarray,
    scores: np.ndarray,
) -> None:
    """Write ``labels.json``, which names the files by absolute paths.

    To load it::

        fiftyone.Dataset.from_dir(
            labels_path='labels.json',
            dataset_type=fiftyone.types.FiftyOneImageClassificationDataset,
            label_field='predictions',
        )

    Args:
        folder (str | os.PathLike): Where to write; is created.
        ids (Sequence[str]): Ids of the N images, not used.
        paths (Sequence[str]): Their files.
        class_names (Sequence[str]): Names of the C classes.
        labels (np.ndarray): int (N,), predicted classes, ``NONE_LABEL`` for
            none of them.
        scores (np.ndarray): float (N,), confidences.
    """
    folder = Path(folder).expanduser()
    classes = [*class_names, NONE]
    # Absolute paths: FiftyOne drops the suffix of other keys, and with it
    # one of a.jpg and a.png.
    given = {
        os.path.abspath(path): {
            'label': int(label) if label != NONE_LABEL else len(class_names),
            'confidence': float(score),
        }
        for path, label, score in zip(paths, labels, scores, strict=True)
    }
    content = {'classes': classes, 'labels': given}
    with atomic_file(folder / 'labels.json') as file:
        file.write(json.dumps(content, indent=1).encode())
