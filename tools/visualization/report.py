"""Report of a run: ``python tools/visualization/report.py WORK_DIR``."""

import argparse

from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Write one self-contained HTML page about a run; labels '
        'are not needed'
    )
    parser.add_argument('run', help='work folder of the run')
    parser.add_argument('--out', help='default: report.html in the folder')
    parser.add_argument(
        '--images',
        nargs='+',
        help='files, folders or globs; by default the test images of the '
        'config, else its training images',
    )
    parser.add_argument('--max-images', type=int, default=2000)
    parser.add_argument('--batch-size', type=int, default=64)
    parser.add_argument('--workers', type=int, default=0)
    parser.add_argument('--device', help='cuda, cuda:1, cpu ...')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    from mmengine.logging import MMLogger

    from mmlatte.apis import make_run_report

    out = make_run_report(
        args.run,
        args.out,
        images=args.images,
        max_images=args.max_images,
        batch_size=args.batch_size,
        num_workers=args.workers,
        device=args.device,
    )
    logger = MMLogger.get_instance('mmlatte', log_level='INFO')
    logger.info(f'the report is in {out}')


if __name__ == '__main__':
    with user_errors():
        main()
