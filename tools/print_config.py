"""Print a config, composed: ``python tools/print_config.py CONFIG``."""

import argparse

from mmengine.config import DictAction

from mmlatte.command_line import add_parts
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Print a whole config')
    parser.add_argument(
        'config', help='path of a config, or of configs/methods/NAME.py'
    )
    add_parts(parser)
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmlatte.apis import compose_config

    cfg = compose_config(args.config, args.data, args.clip)
    cfg.merge_from_dict(args.cfg_options or {})
    print(cfg.pretty_text, end='')


if __name__ == '__main__':
    with user_errors():
        main()
