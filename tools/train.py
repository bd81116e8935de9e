"""Train a model: ``python tools/train.py CONFIG``."""

import argparse

from mmlatte.command_line import add_common_options
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Train a model')
    add_common_options(parser)
    parser.add_argument(
        '--resume',
        nargs='?',
        type=str,
        const='auto',
        help='continue from the given checkpoint, or without a path from the '
        'newest intact one of the work directory',
    )
    parser.add_argument(
        '--amp', action='store_true', help='mixed-precision training'
    )
    parser.add_argument(
        '--no-validate',
        action='store_true',
        help='do not evaluate during training',
    )
    parser.add_argument(
        '--report',
        action='store_true',
        help='write report.html into the work directory at the end',
    )
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate with the batch size, see '
        '`auto_scale_lr.base_batch_size` of the config',
    )
    parser.add_argument(
        '--skip-unreadable',
        action='store_true',
        help='leave out images that cannot be read, and list them in '
        'unreadable.csv of the work directory',
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmengine.dist import is_main_process

    from mmlatte.apis import (
        build_runner,
        load_config,
        make_run_report,
    )
    from mmlatte.engine import find_resumable_checkpoint

    cfg = load_config(args)
    if args.skip_unreadable:
        cfg.skip_unreadable = True
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    if args.amp:
        cfg.optim_wrapper.type = 'mmlatte.AutocastOptimWrapper'
    if args.auto_scale_lr:
        if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
            raise SystemExit(
                '--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=N) '
                f'in {args.config}'
            )
        cfg.auto_scale_lr.enable = True
    if args.resume == 'auto':
        checkpoint = find_resumable_checkpoint(cfg.work_dir)
        cfg.resume, cfg.load_from = checkpoint is not None, checkpoint
    elif args.resume is not None:
        cfg.resume, cfg.load_from = True, args.resume
    build_runner(cfg).train()
    if args.report and is_main_process():
        make_run_report(cfg.work_dir)


if __name__ == '__main__':
    with user_errors():
        main()
        from mmlatte.apis import leave_process_group

        leave_process_group()
