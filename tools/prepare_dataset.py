"""Fetch and verify a data set: ``python tools/prepare_dataset.py dtd``."""

import argparse
import sys

from mmlatte.command_line import data_sets
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Download a data set where a stable public source exists, '
        'say what to fetch where none does, and verify the images of every '
        'class against the split'
    )
    parser.add_argument('name', nargs='+', choices=data_sets())
    parser.add_argument(
        '--root', help='folder of the data set; default data/<name>'
    )
    parser.add_argument(
        '--no-download', action='store_true', help='verify what is there'
    )
    args = parser.parse_args()
    if args.root and len(args.name) > 1:
        parser.error('--root is the folder of one data set')
    return args


def main() -> None:
    args = parse_args()
    from mmengine.logging import MMLogger

    from mmlatte.datasets.prepare import prepare_dataset

    logger = MMLogger.get_instance('mmlatte', log_level='INFO')
    complete = True
    for name in args.name:
        root = args.root or f'data/{name}'
        verdict = prepare_dataset(name, root, fetch=not args.no_download)
        for part, counts in verdict.counts.items():
            numbers = sorted(counts.values())
            logger.info(
                f'{name}, {part}: {sum(numbers)} images, {len(numbers)} '
                f'classes of {numbers[0]} to {numbers[-1]} images'
            )
        for problem in verdict.problems:
            logger.error(f'{name}: {problem}')
        logger.info(
            f'{name} is '
            + ('incomplete' if verdict.problems else f'ready in {root}')
        )
        complete &= not verdict.problems
    sys.exit(0 if complete else 1)


if __name__ == '__main__':
    with user_errors():
        main()
