"""Compare methods: ``python tools/compare.py CONFIG CONFIG ...``.

Runs every config with every seed (or reuses the run, if config and seed are
the same as before), and writes tables of what came out:

    python tools/compare.py configs/methods/zeroshot.py \
        configs/methods/gda.py configs/methods/latteclip.py \
        --data dtd --seeds 0 1 2 --out work_dirs/comparison
"""

import argparse
import signal
import sys
from pathlib import Path

from mmengine.config import DictAction

from mmlatte.command_line import add_parts
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    add_parts(parser)
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument(
        '--out',
        default='work_dirs/comparison',
        help='folder of the tables and the runs (default: %(default)s)',
    )
    parser.add_argument(
        '--jobs', type=int, default=1, help='runs at the same time'
    )
    parser.add_argument(
        '--ablation',
        metavar='NAME|FILE',
        help='vary the only CONFIG as a list of configs/_base_/ablations does '
        '(latteclip, tunings), or a config file with such a list',
    )
    parser.add_argument(
        '--answers',
        nargs='+',
        default=[],
        metavar='N',
        help='numbers of answers that methods get, also as multiples of the '
        'number of classes (0 C 2C 5C); labels of the training images answer '
        'well-chosen questions in place of a person',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of all configs that have them, e.g. '
        'train_dataloader.dataset.indices=3840',
    )
    return parser.parse_args()


def stop(*_) -> None:
    """End as with Ctrl-C; running processes save first."""
    # A second signal (`timeout` sends two) must not cut that short.
    signal.signal(signal.SIGTERM, lambda *_: None)
    from mmlatte.engine.loops.resumable_train_loop import TERMINATED

    raise SystemExit(TERMINATED)


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    args = parse_args()
    from mmlatte.apis import compare, make_entries

    tools = Path(__file__).resolve().parent
    entries = make_entries(
        args.configs,
        options=args.cfg_options,
        ablation=args.ablation,
        data=args.data,
        clip=args.clip,
        ablations=tools.parent / 'configs' / '_base_' / 'ablations',
    )
    results = compare(
        entries,
        args.seeds,
        args.out,
        tools=tools,
        jobs=args.jobs,
        answers=args.answers,
    )
    if any(run.error for result in results for run in result.runs):
        sys.exit(1)


if __name__ == '__main__':
    with user_errors():
        main()
