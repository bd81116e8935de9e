"""``python -m mmlatte list methods|data|clips|lmms [--markdown]``."""

import argparse
from pathlib import Path

from mmlatte.configs_folder import configs_folder

KINDS = ('methods', 'data', 'clips')  # folders of parts


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m mmlatte')
    commands = parser.add_subparsers(dest='command', required=True)
    show = commands.add_parser('list', help='what configs are made of')
    show.add_argument('kind', choices=[*KINDS, 'lmms'])
    show.add_argument(
        '--markdown', action='store_true', help='as a table for a page'
    )
    return parser.parse_args()


def first_sentence(text: str) -> str:
    """Return the first sentence of a comment or docstring, on one line."""
    line = ' '.join(text.split('\n\n')[0].split())
    return line.split('. ')[0].rstrip('.') + '.'


def claim(part: Path) -> str:
    """Return the first sentence of the comment at the head of a config."""
    lines = part.read_text(encoding='utf-8').split('\n')
    head = lines[: next(i for i, x in enumerate(lines) if x[:1] != '#')]
    return first_sentence(' '.join(line.lstrip('# ') for line in head))


def entries(kind: str) -> list[tuple[str, str]]:
    """Return the names of a kind and what each is."""
    if kind in KINDS:
        parts = sorted((configs_folder() / kind).glob('*.py'))
        return [(part.stem, claim(part)) for part in parts]
    import mmlatte.lmm  # noqa: F401
    from mmlatte.registry import LMMS

    found = sorted(LMMS.module_dict.items())
    return [(name, first_sentence(c.__doc__ or '')) for name, c in found]


def main() -> None:
    args = parse_args()
    rows = entries(args.kind)
    if args.markdown:
        print(f'| {args.kind} | |\n|---|---|')
        print('\n'.join(f'| `{name}` | {text} |' for name, text in rows))
        return
    width = max(len(name) for name, _ in rows)
    print('\n'.join(f'{name:{width}}  {text}' for name, text in rows))


if __name__ == '__main__':
    main()
