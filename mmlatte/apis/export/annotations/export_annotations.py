"""Predictions as the files of a labelling tool."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.apis.export.annotations.class_folders import link_class_folders
from mmlatte.apis.export.annotations.fiftyone import write_fiftyone
from mmlatte.apis.export.annotations.label_studio import write_label_studio
from mmlatte.apis.export.annotations.predicted_labels import PredictedLabels
from mmlatte.archives import is_archived

__all__ = ['ANNOTATION_FORMATS', 'export_annotations']

ANNOTATION_FORMATS: dict[str, Callable[..., None]] = {
    'label-studio': write_label_studio,
    'fiftyone': write_fiftyone,
    'folders': link_class_folders,
}


def export_annotations(
    predictions: str | os.PathLike,
    to: Sequence[str],
    out: str | os.PathLike,
    images: str | None = None,
    classes: Sequence[str] | None = None,
) -> dict[str, Path]:
    """Write predictions for tools in which people look at or correct them.

    What they correct comes back through `read_answers`.

    Args:
        predictions (str | os.PathLike): Folder of results of
            ``tools/adapt.py``, or a ``.csv`` of ``tools/predict.py``.
        to (Sequence[str]): Of `ANNOTATION_FORMATS`.
        out (str | os.PathLike): Folder; every format gets a new one in it.
        images (str, optional): See `PredictedLabels.of`.
        classes (Sequence[str], optional): See there.

    Returns:
        dict[str, Path]: Format -> folder.

    Raises:
        ValueError: If a format is not known, or needs files and the images
            are in archives.
        FileExistsError: If a folder of a format holds files.
        AnswersError: If anything is wrong with the predictions.
    """
    folders = {name: Path(out).expanduser() / name for name in to}
    for name, folder in folders.items():
        if name not in ANNOTATION_FORMATS:
            raise ValueError(
                f'format {name!r}: choose from {[*ANNOTATION_FORMATS]}'
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise FileExistsError(f"'{folder}' exists; name a new folder")
    found = PredictedLabels.of(predictions, images, classes)
    needing = [name for name in folders if name != 'folders']
    inside = next((path for path in found.paths if is_archived(path)), None)
    if needing and inside is not None:
        raise ValueError(
            f"'{inside}' lies in an archive, which {needing[0]} cannot read: "
            'export "folders" only, which copies the images out of it'
        )
    for name, folder in folders.items():
        folder.mkdir(parents=True, exist_ok=True)
        ANNOTATION_FORMATS[name](
            folder,
            found.ids,
            found.paths,
            found.classes,
            found.labels,
            found.scores,
        )
        print_log(f'{name}: {len(found.ids)} images in {folder}', 'current')
    return folders
