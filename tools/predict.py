"""Classify images: ``python tools/predict.py MODEL IMAGES...``."""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mmlatte.user_errors import user_errors

if TYPE_CHECKING:
    from mmengine.logging import MMLogger

    from mmlatte.apis import Inferencer


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Classify images')
    parser.add_argument(
        'model',
        help='work folder of a run, a checkpoint, or a config (which is the '
        'zero-shot CLIP unless --checkpoint is given)',
    )
    parser.add_argument(
        'images',
        nargs='+',
        help="files, folders, globs ('photos/**/*.jpg'), lists, archives "
        '(tar, Parquet, Arrow) and members of archives (shard.tar/7.jpg)',
    )
    parser.add_argument('--checkpoint', help='weights for a config')
    parser.add_argument(
        '--out', help='write the predictions to this .csv or .json file'
    )
    parser.add_argument(
        '--classes',
        help='choose among these classes only: a text file with one name a '
        'line, or names with commas between them; names the model does not '
        'know get a prototype from their class text',
    )
    parser.add_argument(
        '--add-classes', help='choose among these classes too (as --classes)'
    )
    parser.add_argument(
        '--template', help="prompt template of new classes, e.g. 'a {} leaf.'"
    )
    parser.add_argument(
        '--calibrate',
        metavar='IMAGES',
        help='unlabelled images of the domain (file, folder or glob): the '
        'confidences are made as high on them as those of the frozen CLIP',
    )
    parser.add_argument(
        '--range',
        nargs=2,
        type=float,
        metavar=('LO', 'HI'),
        help='values that become black and white, for images of more than 8 '
        "bits (default: the model's own)",
    )
    parser.add_argument(
        '--bands',
        nargs='+',
        type=int,
        metavar='N',
        help='numbers, from 1, of the bands that are red, green and blue, or '
        "of one that is grey (default: the model's own)",
    )
    parser.add_argument(
        '--skip-unreadable',
        action='store_true',
        help='leave unreadable images out of the predictions, and list them '
        'in unreadable.csv beside them (default: as the model was adapted)',
    )
    parser.add_argument(
        '--none-below',
        type=float,
        metavar='P',
        help='images that show one of the classes with a smaller probability '
        'are "(none of these)"; of models that were fitted to such answers',
    )
    parser.add_argument('--top-k', type=int, default=3)
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument(
        '--workers', type=int, default=min(4, os.cpu_count() or 1)
    )
    parser.add_argument('--device', help='cuda, cuda:1, cpu ...')
    args = parser.parse_args()
    if args.out and not args.out.endswith(('.csv', '.json')):
        parser.error('--out must end in .csv or .json')
    if args.top_k < 1:
        parser.error('--top-k must be at least 1')
    return args


def predict(
    inferencer: 'Inferencer',
    images: list[str],
    args: argparse.Namespace,
    logger: 'MMLogger',
) -> Iterator[dict]:
    """Yield a row per image, with progress, errors and throughput logged."""
    from mmlatte.apis.inference.prediction_file import prediction_rows
    from mmlatte.datasets.unreadable_file import write_unreadable
    from mmlatte.progress import Progress

    begin, failed = time.monotonic(), {}
    skip = args.skip_unreadable or inferencer.config.get('skip_unreadable')
    with Progress('predict', len(images), logger=logger) as progress:
        for row in prediction_rows(
            inferencer,
            images,
            args.top_k,
            args.batch_size,
            args.workers,
            args.none_below,
        ):
            if 'error' in row:
                failed[row['image']] = row['error']
                logger.warning(row['error'])
            progress.advance(1)
            if 'error' not in row or not skip:
                yield row
    seconds = time.monotonic() - begin
    logger.info(
        f'{len(images)} files in {seconds:.1f} s, '
        f'{len(images) / seconds:.1f} images/s; {len(failed)} unreadable'
        + '; --skip-unreadable leaves them out'
        * bool(failed and not skip)
    )
    if skip and args.out:
        table = Path(args.out).with_name('unreadable.csv')
        write_unreadable(table, failed)
        if failed:
            logger.warning(f'they are left out, and listed in {table}')


def main() -> None:
    args = parse_args()
    from mmengine.logging import MMLogger

    from mmlatte.apis import Inferencer, find_images, suit_images
    from mmlatte.apis.inference.prediction_file import write_predictions
    from mmlatte.datasets.class_names import read_class_list

    logger = MMLogger.get_instance('mmlatte', log_level='INFO')
    images = find_images(args.images)
    inferencer = Inferencer(args.model, args.checkpoint, device=args.device)
    for option, change in (
        (args.classes, inferencer.set_classes),
        (args.add_classes, inferencer.add_classes),
    ):
        if not option:
            continue
        listed = read_class_list(option)
        new = change(
            listed.names, args.template, listed.synonyms, listed.descriptions
        )
        if new:
            logger.info(f'new classes, from their texts: {", ".join(new)}')
    suit_images(inferencer, images, args.range, args.bands)
    if args.calibrate:
        temperature = inferencer.calibrate(
            args.calibrate, args.batch_size, args.workers
        )
        logger.info(f'temperature {temperature:.3f}')
    about = dict(
        model=args.model,
        checkpoint=args.checkpoint,
        classes=inferencer.classes,
        temperature=inferencer.temperature,
        calibrated=bool(args.calibrate),
    )
    rows = predict(inferencer, images, args, logger)
    if args.out:
        more = ('none',) if inferencer.tells_none else ()
        write_predictions(args.out, rows, args.top_k, about, more)
        logger.info(f'predictions are in {args.out}')
        return
    for row in rows:
        best = row.get('top')
        if best:
            shown = ', '.join(
                f'{entry["class"]} {100 * entry["confidence"]:.1f} %'
                for entry in best
            )
            if 'none' in row:
                shown += f'; none of these {100 * row["none"]:.1f} %'
            logger.info(f'{row["image"]}: {shown}')


if __name__ == '__main__':
    with user_errors():
        main()
