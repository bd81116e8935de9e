"""Export and import the texts of a store.

``python tools/texts.py export STORE out.jsonl`` (or a folder for txt files,
or ``out.parquet``; with ``--images FOLDER`` only what is about the images in
it) and ``python tools/texts.py import STORE in.jsonl``. STORE is the folder
that the synthesis logs.
"""

import argparse
from pathlib import Path

from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Export or import texts')
    parser.add_argument('action', choices=['export', 'import'])
    parser.add_argument('store', type=Path, help='folder of the store')
    parser.add_argument(
        'path', type=Path, help='.jsonl, .parquet, or a folder for txt files'
    )
    parser.add_argument(
        '--images',
        help='export the texts of these images alone (a folder, list or '
        'archive), as they are now',
    )
    parser.add_argument(
        '--range',
        nargs=2,
        type=float,
        metavar=('LO', 'HI'),
        help='values of --images that the LMM saw as black and white, if they '
        'were chosen',
    )
    parser.add_argument(
        '--bands',
        nargs='+',
        type=int,
        metavar='N',
        help='numbers, from 1, of the bands of --images that it saw, if they '
        'were chosen',
    )
    args = parser.parse_args()
    if args.images is None and (args.range or args.bands):
        parser.error('--range and --bands are of the images of --images')
    return args


def image_names(args: argparse.Namespace) -> dict[str, str]:
    """Return what images are known by, and their ids."""
    from mmlatte.datasets import UnlabeledFolder
    from mmlatte.decode_image import DecodeOptions
    from mmlatte.image_table import ImageTable, key_name
    from mmlatte.lmm import picture_keys

    dataset = UnlabeledFolder(args.images, classes=['any'], pipeline=[])
    names = dataset.data_list.names()
    keys = ImageTable(args.store.parent).of(dataset.data_list.paths()).keys
    keys = picture_keys(keys, DecodeOptions(args.range, args.bands))
    return dict(zip(map(key_name, keys), names, strict=True))


def main() -> None:
    args = parse_args()
    from mmengine.logging import print_log

    from mmlatte.lmm import TextStore
    from mmlatte.lmm.store.text_exchange import (
        export_jsonl,
        export_parquet,
        export_txt,
        import_jsonl,
    )

    if args.action == 'import':
        with TextStore(args.store) as store:
            count = import_jsonl(store, args.path)
            store.merge()
    else:
        if not args.store.is_dir():
            raise SystemExit(f'there is no store {args.store}')
        exporters = {'.jsonl': export_jsonl, '.parquet': export_parquet}
        export = exporters.get(args.path.suffix, export_txt)
        names = None if args.images is None else image_names(args)
        count = export(TextStore(args.store), args.path, names)
    print_log(f'{args.action}: {count} texts', 'current')


if __name__ == '__main__':
    with user_errors():
        main()
