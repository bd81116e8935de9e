"""Predictions for labelling tools: ``python tools/export.py RESULTS``."""

import argparse

from mmlatte.command_line import ANNOTATION_FORMATS
from mmlatte.user_errors import user_errors


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
    from mmlatte.apis.export.annotations import export_annotations
    from mmlatte.datasets.class_names import read_class_names

    if args['classes'] is not None:
        args['classes'] = read_class_names(args['classes'])
    export_annotations(**args)


if __name__ == '__main__':
    with user_errors():
        main()
