"""Making data sets ready: fetch, extract, convert, verify."""

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from mmlatte.datasets.download import download, extract_zip, only_one
from mmlatte.registry import DATASETS

from .converters import CONVERTERS
from .extract_tar import extract_tar
from .sources import SOURCES, Archive, Source

__all__ = ['SOURCES', 'Verdict', 'prepare_dataset', 'verify_dataset']


@dataclass
class Verdict:
    """What a folder holds of a data set.

    Attributes:
        problems (list[str]): What is missing or wrong; empty if complete.
        counts (dict[str, Counter]): Images per class, for each part.
    """

    problems: list[str] = field(default_factory=list)
    counts: dict[str, Counter] = field(default_factory=dict)


def prepare_dataset(
    name: str, root: str | Path, fetch: bool = True
) -> Verdict:
    """Make a data set ready, as far as possible, and verify it.

    Done steps are not done again; a killed download goes on where it was.

    Args:
        name (str): A key of `SOURCES`.
        root (str | Path): Folder of the data set.
        fetch (bool): Download what is missing. Defaults to True.

    Returns:
        Verdict: What is there and what is still missing.
    """
    if name not in SOURCES:
        raise ValueError(
            f'unknown data set {name!r}: choose from {[*SOURCES]}'
        )
    source = SOURCES[name]
    root = Path(root).expanduser()
    # What is complete already needs none of its archives.
    verdict = verify_dataset(source, root)
    if not verdict.problems:
        return verdict
    problems = []
    with only_one(root, name):
        for file in source.files:
            try:
                _provide(file, root, fetch)
            except RuntimeError as error:
                problems.append(str(error))
        if not problems and source.convert:
            try:
                CONVERTERS[source.convert](root)
            except RuntimeError as error:
                problems.append(str(error))
    verdict = verify_dataset(source, root)
    if verdict.problems:
        verdict.problems = [*problems, *verdict.problems]
    return verdict


def verify_dataset(source: Source, root: Path) -> Verdict:
    """Compare a folder with the split and with the published counts.

    Args:
        source (Source): The data set.
        root (Path): Its folder.
    """
    verdict = Verdict()
    for part, expected in (('train', source.train), ('test', source.test)):
        try:
            dataset = DATASETS.build(_config(source, root, part))
        except (FileNotFoundError, ValueError) as error:
            reason = str(error).split('\n`python tools')[0]
            if reason not in verdict.problems:
                verdict.problems.append(reason)
            continue
        names = dataset.metainfo['classes']
        counts = Counter(names[i] for i in dataset.get_gt_labels().tolist())
        verdict.counts[part] = counts
        if len(dataset) != expected or len(names) != source.classes:
            verdict.problems.append(
                f"'{root}': the {part} part has {len(dataset)} images of "
                f'{len(names)} classes, expected {expected} of '
                f'{source.classes}'
            )
    return verdict


def _config(source: Source, root: Path, part: str) -> dict:
    config = dict(source.dataset, data_root=str(root), pipeline=[])
    if source.dataset['type'] == 'mmlatte.ClassFolder':
        has_val = any(file.folder == 'val' for file in source.files)
        folder = 'val' if has_val and part == 'test' else part
        return dict(config, image_folder=folder)
    return dict(config, split=part)


def _provide(file: Archive, root: Path, fetch: bool) -> None:
    """Make a file, or the folder extracted from it, present."""
    folder = root / file.folder if file.folder else None
    if folder is not None and folder.is_dir():
        return
    path = root / file.file
    if not path.is_file():
        if not file.url:
            raise RuntimeError(
                f"fetch '{file.file}' by hand and put it at '{path}'"
                + (f" (or its content at '{folder}')" if folder else '')
                + f'. Source: {file.page}'
            )
        if not fetch:
            raise RuntimeError(f"'{path}' is missing. Source: {file.url}")
        kind, _, digest = file.checksum.partition(':')
        download(file.url, path, digest if kind == 'md5' else None)
        if kind == 'sha256':
            _check_sha256(path, digest, file.url)
    if folder is not None and file.member:
        extract = extract_zip if path.suffix == '.zip' else extract_tar
        extract(path, folder, file.member)


def _check_sha256(path: Path, expected: str, url: str) -> None:
    digest = hashlib.sha256()
    with path.open('rb') as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != expected:
        path.unlink()
        raise RuntimeError(
            f'{url} is not the expected file (SHA-256 '
            f'{digest.hexdigest()}, not {expected}). It was deleted.'
        )
