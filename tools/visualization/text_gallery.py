"""Write one HTML page with the images of a config and their LMM texts.

``python tools/visualization/text_gallery.py CONFIG --out gallery.html``
"""

import argparse
from pathlib import Path

from mmlatte.command_line import add_common_options
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Gallery of LMM texts')
    add_common_options(parser)
    parser.add_argument('--out', type=Path, default=Path('gallery.html'))
    parser.add_argument(
        '--limit', type=int, metavar='N', help='show at most N images'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmengine.logging import print_log

    from mmlatte.apis import build_runner, load_config, make_text_gallery

    runner = build_runner(load_config(args))
    count = make_text_gallery(runner, args.out, args.limit)
    print_log(f'{args.out}: {count} images', 'current')


if __name__ == '__main__':
    with user_errors():
        main()
