"""Predictions as CSV or JSON."""

import codecs
import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from torch import Tensor, from_numpy

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.answers import NONE
from mmlatte.fits.answers import MIN_NONE

from .calibration import with_temperature
from .inferencer import Inferencer

__all__ = ['prediction_rows', 'top_classes', 'write_predictions']


def top_classes(
    scores: Tensor, classes: list[str], temperature: float, k: int
) -> list[dict]:
    """Return the k best classes of an image, best first.

    Args:
        scores (Tensor): The model's probabilities, (C,).
        classes (list[str]): Names of the C classes.
        temperature (float): For the confidence.
        k (int): How many; less where there are fewer classes.

    Returns:
        list[dict]: ``class``, ``confidence`` and ``score`` of each.
    """
    confidences = with_temperature(scores, temperature)
    best = scores.topk(min(k, len(classes)))
    return [
        dict(
            zip(
                ('class', 'confidence', 'score'),
                (classes[i], round(float(confidences[i]), 6), round(s, 6)),
                strict=True,
            )
        )
        for s, i in zip(
            best.values.tolist(), best.indices.tolist(), strict=True
        )
    ]


def prediction_rows(
    inferencer: Inferencer,
    images: Sequence[str],
    top_k: int,
    batch_size: int = 64,
    num_workers: int = 0,
    none_below: float | None = None,
) -> Iterator[dict]:
    """Yield a row for `write_predictions` per image, in order.

    Where the inferencer `tells_none`, a row has ``none``, the probability
    that the image shows none of the classes.

    Args:
        inferencer (Inferencer): The model.
        images (Sequence[str]): Files.
        top_k (int): Classes per image.
        batch_size (int): Images per forward pass.
        num_workers (int): Processes that load images.
        none_below (float, optional): Images that show one of the classes with
            a smaller probability are ``(none of these)``.

    Raises:
        ValueError: If ``none_below`` is given and nothing tells it.
    """
    if none_below is not None:
        _check_none(inferencer, none_below)
    for result in inferencer.stream(images, batch_size, num_workers):
        row = dict(image=result['img_path'])
        if 'error' in result:
            row['error'] = result['error']
        else:
            row['top'] = top_classes(
                from_numpy(result['pred_scores']),
                inferencer.classes,
                inferencer.temperature,
                top_k,
            )
        if 'none_probability' in result:
            none = row['none'] = round(result['none_probability'], 6)
            if none_below is not None and 1 - none < none_below:
                best = {'class': NONE, 'confidence': none, 'score': none}
                row['top'] = [best, *row['top']][: len(row['top'])]
        yield row


def _check_none(inferencer: Inferencer, none_below: float) -> None:
    if not 0 < none_below < 1:
        raise ValueError(f'none_below={none_below}: give a number from 0 to 1')
    if not inferencer.tells_none:
        raise ValueError(
            f'none_below={none_below}: nothing tells how probable it is that '
            f'an image shows none of the classes; answer {NONE!r} about '
            f'{MIN_NONE} images or more (tools/adapt.py --ask), and predict '
            'with the classes of that fit'
        )


def write_predictions(
    path: str | Path,
    rows: Iterable[dict],
    top_k: int,
    about: dict,
    more: Sequence[str] = (),
) -> None:
    """Write predictions while they are made.

    Args:
        path (str | Path): ``.csv`` or ``.json``.
        rows (Iterable[dict]): ``image`` with either ``top`` (of
            `top_classes`) or ``error``.
        top_k (int): Classes per image.
        about (dict): Further facts for the JSON file, such as the model.
        more (Sequence[str]): Further keys of the rows, columns of the CSV.

    Raises:
        ValueError: If the file name ends otherwise.
    """
    path = Path(path)
    if path.suffix not in ('.csv', '.json'):
        raise ValueError(f"'{path}': give a name that ends in .csv or .json")
    with atomic_file(path) as target:
        # Names of files may hold bytes that are no UTF-8.
        file = codecs.getwriter('utf-8')(target, 'surrogateescape')
        if path.suffix == '.json':
            json.dump(
                {**about, 'predictions': list(rows)},
                file,
                indent=1,
                ensure_ascii=False,
            )
        else:
            writer = csv.DictWriter(
                file, [*_columns(top_k), *more], restval=''
            )
            writer.writeheader()
            for row in rows:
                flat = _flat(row)
                flat.update({key: row.get(key, '') for key in more})
                writer.writerow(flat)


def _columns(top_k: int) -> list[str]:
    columns = ['image']
    for rank in range(1, top_k + 1):
        columns += _names(rank)
    return [*columns, 'error']


def _names(rank: int) -> list[str]:
    suffix = '' if rank == 1 else f'_{rank}'
    return [f'{name}{suffix}' for name in ('class', 'confidence', 'score')]


def _flat(row: dict) -> dict:
    flat = {'image': row['image'], 'error': row.get('error', '')}
    for rank, best in enumerate(row.get('top', ()), start=1):
        flat.update(zip(_names(rank), best.values(), strict=True))
    return flat
