"""Export and import the texts of a store.

``python tools/texts.py export STORE out.jsonl`` (or a folder for txt files,
or ``out.parquet``) and ``python tools/texts.py import STORE in.jsonl``. STORE
is the folder that the synthesis logs.
"""

import argparse
from pathlib import Path

from mmengine.logging import print_log

from mmlatte.lmm import TextStore
from mmlatte.lmm.store.text_exchange import (
    export_jsonl,
    export_parquet,
    export_txt,
    import_jsonl,
)
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description='Export or import texts')
    parser.add_argument('action', choices=['export', 'import'])
    parser.add_argument('store', type=Path, help='folder of the store')
    parser.add_argument(
        'path', type=Path, help='.jsonl, .parquet, or a folder for txt files'
    )
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    if args.action == 'import':
        with TextStore(args.store) as store:
            count = import_jsonl(store, args.path)
            store.merge()
    else:
        if not args.store.is_dir():
            raise SystemExit(f'there is no store {args.store}')
        exporters = {'.jsonl': export_jsonl, '.parquet': export_parquet}
        export = exporters.get(args.path.suffix, export_txt)
        count = export(TextStore(args.store), args.path)
    print_log(f'{args.action}: {count} texts', 'current')


if __name__ == '__main__':
    with user_errors():
        main()
