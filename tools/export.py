"""Predictions for labelling tools: ``python tools/export.py RESULTS``."""

import argparse

from mmlatte.apis.export.annotations import (
    ANNOTATION_FORMATS,
    export_annotations,
)
from mmlatte.datasets.unlabeled_folder import read_class_names


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write predictions for tools in which people look at or '
        'correct them; tools/adapt.py --answers reads what they correct. '
        'tools/model_converters/export.py exports the model.'
    )
    parser.add_argument(
        'predictions',
        help='folder of results of tools/adapt.py, or a .csv of '
        'tools/predict.py',
    )
    parser.add_argument(
        '--to',
        nargs='+',
        choices=[*ANNOTATION_FORMATS],
        required=True,
        help='label-studio: tasks.json and the labelling interface; '
        'fiftyone: labels.json; folders: links to the images of each class',
    )
    parser.add_argument(
        '--out',
        required=True,
        help='folder; every format gets a new one of its name in it',
    )
    parser.add_argument(
        '--images', help='folder of the images of a .csv of predictions'
    )
    parser.add_argument(
        '--classes',
        help='all classes of a .csv of predictions: a text file with one name '
        'a line, or names with commas between them (default: those that were '
        'predicted)',
    )
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    if args['classes'] is not None:
        args['classes'] = read_class_names(args['classes'])
    export_annotations(**args)


if __name__ == '__main__':
    try:
        main()
    except (OSError, ValueError) as error:
        raise SystemExit(f'{error}') from None
