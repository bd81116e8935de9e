"""Evaluate a model: ``python tools/test.py CONFIG [CHECKPOINT]``."""

import argparse
import os.path as osp

from mmlatte.command_line import add_common_options
from mmlatte.user_errors import user_errors

#: What mmengine can write.
SUFFIXES = {
    'metrics': ('.json', '.yaml', '.yml', '.pkl', '.pickle'),
    'pred': ('.pkl', '.pickle'),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Evaluate a model')
    add_common_options(parser)
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint to evaluate; without one the pretrained CLIP of the '
        'config is evaluated zero-shot',
    )
    parser.add_argument('--out', help='write the results to this file')
    parser.add_argument(
        '--out-item',
        choices=['metrics', 'pred'],
        default='metrics',
        help='what --out holds: the metrics (.json, .yaml, .pkl) or every '
        'prediction (.pkl)',
    )
    args = parser.parse_args()
    suffixes = SUFFIXES[args.out_item]
    if args.out and osp.splitext(args.out)[1] not in suffixes:
        parser.error(
            f'--out-item {args.out_item} needs --out with suffix '
            f'{" or ".join(suffixes)}, got {args.out}'
        )
    return args


def main() -> None:
    args = parse_args()
    import mmengine
    from mmengine.dist import is_main_process
    from mmengine.evaluator import DumpResults

    from mmlatte.apis import build_runner, load_config

    cfg = load_config(args)
    cfg.load_from = args.checkpoint
    # Only the test loop is built.
    for part in ('train', 'val'):
        cfg[f'{part}_dataloader'] = cfg[f'{part}_cfg'] = None
    cfg.val_evaluator = cfg.optim_wrapper = cfg.param_scheduler = None
    cfg.custom_hooks = []
    runner = build_runner(cfg)
    if args.out and args.out_item == 'pred':
        runner.test_evaluator.metrics.append(
            DumpResults(out_file_path=args.out)
        )
    metrics = runner.test()
    if args.out and args.out_item == 'metrics' and is_main_process():
        mmengine.dump(metrics, args.out)


if __name__ == '__main__':
    with user_errors():
        main()
        from mmlatte.apis import leave_process_group

        leave_process_group()
