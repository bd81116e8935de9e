"""The floors of the house: no import goes up, lazy imports included."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[1]
#: From the ground up. What is not a folder here is the ground floor.
FLOORS = [
    ['fits'],
    ['lmm'],
    ['datasets'],
    ['models'],
    ['engine'],
    ['evaluation', 'visualization'],
    ['apis'],
    ['demo'],
]
HEIGHT = {room: i + 1 for i, floor in enumerate(FLOORS) for room in floor}
#: Modules that assemble the rooms, or are configs.
OUTSIDE = {'__init__', '__main__', 'configs'}
#: What a room does not import though it lies below.
NEVER = {
    'models': {'datasets'},
}
MAX_LINES, MAX_MODULES = 300, 15
#: Tables of data, or generated.
TABLES = {
    'mmlatte/datasets/prepare/sources.py',
    'mmlatte/configs/latteclip_vitb32_eurosat.py',
}


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield dotted names (a package by its own) and files."""
    for path in sorted((root / 'mmlatte').rglob('*.py')):
        parts = path.relative_to(root).with_suffix('').parts
        if '.mim' not in parts:
            if parts[-1] == '__init__':
                parts = parts[:-1]
            yield '.'.join(parts), path


def imports(name: str, path: Path) -> Iterator[str]:
    """Yield what a module imports, absolute, wherever the import stands."""
    package = name.split('.')
    if path.name != '__init__.py':
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = package[: len(package) - node.level + 1]
            base = '.'.join(start) if node.level else ''
            module = '.'.join(p for p in (base, node.module) if p)
            yield module
            yield from (f'{module}.{alias.name}' for alias in node.names)


def room(name: str) -> str:
    """Return the room of ``mmlatte.a.b``: ``a``."""
    return name.split('.')[1] if '.' in name else '__init__'


def violations(root: Path) -> list[str]:
    """List every import that goes up, or where it must not go."""
    found = []
    known = dict(modules(root))
    for name, path in known.items():
        own = room(name)
        for target in set(imports(name, path)):
            top = target.split('.')[0]
            if top != 'mmlatte':
                allowed = {'torch', 'numpy', 'scipy', *sys.stdlib_module_names}
                if own == 'fits' and top not in allowed:
                    found.append(f'{name} imports {target}')
                continue
            other = room(target)
            if target not in known or own in OUTSIDE or other in OUTSIDE:
                continue
            up = HEIGHT.get(other, 0) > HEIGHT.get(own, 0)
            below = own == 'fits' and other != 'fits'
            classifiers = (
                target.startswith('mmlatte.models.classifiers')
                and own == 'models'
                and name != 'mmlatte.models'
                and not name.startswith('mmlatte.models.classifiers')
            )
            if up or below or classifiers or other in NEVER.get(own, ()):
                found.append(f'{name} imports {target}')
    return sorted(found)


def test_no_import_goes_up():
    assert violations(REPO) == []


@pytest.mark.parametrize(
    ('module', 'line'),
    [
        ('fits/a.py', 'import mmengine'),
        ('fits/a.py', 'from mmlatte.progress import b'),
        ('lmm/a.py', 'def f():\n    from mmlatte.models.clip import b'),
        ('models/clip.py', 'from mmlatte.engine import b'),
        ('models/losses/a.py', 'from ..classifiers import b'),
        ('models/clip.py', 'from mmlatte import datasets'),
        ('apis/a.py', 'import mmlatte.demo'),
        ('progress.py', 'from .lmm import b'),
    ],
)
def test_an_import_that_goes_up_is_found(tmp_path, module, line):
    for folder in [
        *HEIGHT,
        'models/clip',
        'models/classifiers',
        'models/losses',
    ]:
        (tmp_path / 'mmlatte' / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / 'mmlatte' / folder / '__init__.py').touch()
    (tmp_path / 'mmlatte' / '__init__.py').touch()
    (tmp_path / 'mmlatte' / 'progress.py').touch()
    assert violations(tmp_path) == []
    (tmp_path / 'mmlatte' / module).write_text(line)
    assert len(violations(tmp_path)) == 1


def test_rooms_and_modules_are_small():
    files = [path for _, path in modules(REPO)]
    long = {
        str(path.relative_to(REPO)): count
        for path in files
        if (count := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert {p: n for p, n in long.items() if p not in TABLES} == {}
    folders = [path.parent for path in files if path.name != '__init__.py']
    crowded = {f for f in folders if folders.count(f) > MAX_MODULES}
    assert crowded == set()
