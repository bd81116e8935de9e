"""Have an LMM write the texts of a config's training images.

On one machine: ``python tools/synthesize_texts.py CONFIG``. On four, with a
``store_dir`` that all of them see: the same with ``--num-shards 4 --shard-id
K``, K from 0 to 3. On the eight GPUs of a machine: ``torchrun
--nproc_per_node 8 tools/synthesize_texts.py CONFIG --launcher pytorch``; each
process makes its share. Training with the config then makes no text and needs
no LMM.
"""

import argparse

from mmlatte.command_line import add_common_options
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Have an LMM write the texts of the training images'
    )
    add_common_options(parser)
    parser.add_argument('--num-shards', type=int, default=1, metavar='N')
    parser.add_argument('--shard-id', type=int, default=0, metavar='K')
    parser.add_argument(
        '--limit',
        type=int,
        metavar='N',
        help='make at most N texts (each process, with a launcher)',
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='count the texts; estimate the time from a few, not kept',
    )
    args = parser.parse_args()
    if not 0 <= args.shard_id < args.num_shards:
        parser.error('--shard-id goes from 0 to --num-shards minus 1')
    if args.limit is not None and args.limit < 1:
        parser.error('--limit must be at least 1')
    return args


def main() -> None:
    args = parse_args()
    from mmengine.logging import print_log

    from mmlatte.apis import (
        build_runner,
        load_config,
        synthesize_texts,
    )

    report = synthesize_texts(
        build_runner(load_config(args)),
        args.num_shards,
        args.shard_id,
        args.limit,
        args.dry_run,
    )
    print_log(f'LMM texts: {report}', 'current')


if __name__ == '__main__':
    try:
        with user_errors():
            main()
            from mmlatte.apis import leave_process_group

            leave_process_group()
    except KeyboardInterrupt:
        raise SystemExit('Stopped. What is done is stored.') from None
