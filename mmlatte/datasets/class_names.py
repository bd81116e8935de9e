"""Class names: lists of them, other names for them, folders called so."""

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from .class_file import FILE_SUFFIXES, Entry, read_class_file

__all__ = [
    'ClassList',
    'folder_name',
    'match_folders',
    'plain_name',
    'read_class_list',
    'read_class_names',
]

#: Between the names of one class, ``forest | woodland``.
OR = '|'


@dataclass(frozen=True)
class ClassList:
    """The classes, and what else was given about them.

    Attributes:
        names (tuple[str, ...]): A name per class.
        synonyms (dict[str, list[str]]): Further names of some classes.
        descriptions (dict[str, list[str]]): Sentences about every class, or
            empty.
    """

    names: tuple[str, ...]
    synonyms: dict[str, list[str]] = field(default_factory=dict)
    descriptions: dict[str, list[str]] = field(default_factory=dict)


def read_class_list(classes: str | os.PathLike | Sequence[str]) -> ClassList:
    """Return classes, with their alternatives (``forest | woodland``).

    Args:
        classes (str | os.PathLike | Sequence[str]): A file (see
            `read_class_file`), names with commas between them, or a list.

    Raises:
        FileNotFoundError: If the file does not exist.
        ValueError: If there is no name, an empty one, or one twice.
    """
    source = 'classes'
    entries: list[Entry] = []
    if isinstance(classes, os.PathLike):
        classes = os.fspath(classes)
    if isinstance(classes, str):
        file = Path(classes).expanduser()
        # os.path, not pathlib: many names are too long for a file's name.
        if os.path.isfile(file):
            source = f"class file '{classes}'"
            entries = read_class_file(file)
        elif ',' in classes and file.suffix.lower() not in FILE_SUFFIXES:
            parts = classes.split(',')
            entries = [(name.strip(), []) for name in parts if name.strip()]
        else:
            raise FileNotFoundError(
                f"class file '{classes}' does not exist: write one class name "
                'a line, or give names with commas (after a single one, too).'
            )
    else:
        entries = [(name.strip(), []) for name in classes]
    if not entries:
        raise ValueError(f'{source} holds no class name.')
    return _class_list(entries, source)


def read_class_names(
    classes: str | os.PathLike | Sequence[str],
) -> tuple[str, ...]:
    """Return class names without alternatives; see `read_class_list`."""
    return read_class_list(classes).names


def _class_list(entries: Sequence[Entry], source: str) -> ClassList:
    names: list[str] = []
    synonyms, descriptions = {}, {}
    first: dict[str, int] = {}
    for number, (written, sentences) in enumerate(entries):
        name, *others = [part.strip() for part in written.split(OR)]
        for one in (name, *others):
            if not one:
                raise ValueError(f'{source}: name {number + 1} is empty.')
            if one.lower() in first:
                raise ValueError(
                    f"{source}: name {number + 1}, '{one}', repeats name "
                    f'{first[one.lower()] + 1}.'
                )
            first[one.lower()] = number
        names.append(name)
        if others:
            synonyms[name] = others
        if sentences:
            descriptions[name] = sentences
    missing = [name for name in names if name not in descriptions]
    if descriptions and missing:
        raise ValueError(
            f'{source} describes {len(descriptions)} of {len(names)} classes: '
            f'describe all or none; there is nothing about {missing[:5]}'
        )
    return ClassList(tuple(names), synonyms, descriptions)


def folder_name(class_name: str) -> str:
    """Return a class name as folders can be called on any system.

    Examples:
        >>> folder_name('km/h')
        'km%2Fh'
    """
    return re.sub(
        r'^\.|[%/\\<>:"|?*\x00-\x1f]|[. ]$',
        lambda found: f'%{ord(found[0]):02X}',
        class_name,
    )


def plain_name(name: str) -> str:
    """Return what folder names and class names are compared by.

    Case and breaks do not count, nor how `folder_name` writes a character.

    Examples:
        >>> plain_name('AnnualCrop') == plain_name('annual crop')
        True
        >>> plain_name('km%2Fh') == plain_name('km/h')
        True
    """
    name = unicodedata.normalize('NFKC', unquote(name)).casefold()
    return re.sub(r'[\s_/-]+', '', name)


def match_folders(
    folders: Sequence[str],
    names: Sequence[str],
    synonyms: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, int]:
    """Find the class of every folder by its name.

    Args:
        folders (Sequence[str]): Names of folders.
        names (Sequence[str]): Names of the classes.
        synonyms (Mapping[str, Sequence[str]], optional): Further names of
            classes.

    Returns:
        dict[str, int]: Folder -> label; folders of no class are left out.

    Raises:
        ValueError: If a folder could be two classes', or a class has two.
    """
    exact: dict[str, int] = {}
    plain: dict[str, set[int]] = {}
    for label, name in enumerate(names):
        for spelled in (name, *(synonyms or {}).get(name, ())):
            exact[spelled] = exact[folder_name(spelled)] = label
            plain.setdefault(plain_name(spelled), set()).add(label)
    found: dict[str, int] = {}
    for folder in folders:
        meant = plain.get(plain_name(folder), set())
        if folder in exact:
            found[folder] = exact[folder]
        elif len(meant) == 1:
            found[folder] = next(iter(meant))
        elif meant:
            either = ' or '.join(repr(names[label]) for label in sorted(meant))
            raise ValueError(
                f'folder {folder!r} could be {either}: call it as the class '
                'is called'
            )
    owner: dict[int, str] = {}
    for folder, label in found.items():
        if label in owner:
            raise ValueError(
                f'folders {owner[label]!r} and {folder!r} are both called '
                f'like class {names[label]!r}: put their images into one'
            )
        owner[label] = folder
    return found
