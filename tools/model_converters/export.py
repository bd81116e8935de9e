"""Export a model: ``python tools/model_converters/export.py RUN --to hf``."""

import argparse
from pathlib import Path

from mmlatte.command_line import EXPORT_FORMATS
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Export a model; every export is reloaded in its own '
        'library and compared with the model on real images'
    )
    parser.add_argument(
        'model', help='work folder of a run, a checkpoint, or a config'
    )
    parser.add_argument('--checkpoint', help='weights for a config')
    parser.add_argument(
        '--to',
        nargs='+',
        choices=EXPORT_FORMATS,
        required=True,
        help='formats',
    )
    parser.add_argument(
        '--out',
        required=True,
        help='a new folder; each format gets a sub-folder of its name',
    )
    parser.add_argument(
        '--images',
        nargs='+',
        help='files, folders or globs to compare on; by default the test '
        'images of the config',
    )
    parser.add_argument(
        '--temperature',
        type=float,
        default=1.0,
        help='of the confidence (see tools/predict.py --calibrate)',
    )
    parser.add_argument(
        '--interpolate',
        type=float,
        metavar='A',
        help='share of the trained weights, 0 to 1; the rest is the CLIP that '
        'they started from, so that less of it is forgotten, e.g. 0.5',
    )
    parser.add_argument(
        '--also-check',
        metavar='FOLDER',
        help='a sub-folder of images per class that have nothing to do with '
        'the run: how well the exported CLIP still tells them by their names',
    )
    parser.add_argument('--tolerance', type=float, default=1e-4)
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmlatte.apis import export_model
    from mmlatte.apis.export import check_export_formats

    # A package that the last format lacks shows before the first is made.
    check_export_formats(args.to, clip=None)
    for to in args.to:
        export_model(
            args.model,
            to,
            Path(args.out) / to,
            checkpoint=args.checkpoint,
            images=args.images,
            temperature=args.temperature,
            tolerance=args.tolerance,
            interpolate=args.interpolate,
            also_check=args.also_check,
        )


if __name__ == '__main__':
    with user_errors():
        main()
