"""Texts that exist already, in a JSONL file or in folders of txt files."""

import hashlib
import json
import os
from array import array
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np

from mmlatte.lmm.store.text_record import KINDS, record_key
from mmlatte.registry import LMMS
from mmlatte.sample_key import encode_id, sample_key, sample_keys

from .base_lmm import Answer, BaseLMM, LMMRequest, LMMUnavailableError
from .choices.choice import Choice
from .choices.choose_by_text import read_choice
from .choices.closed_question import ClosedQuestion

__all__ = ['TextFile']

#: Samples whose names are compared at a time.
BLOCK = 65536


@LMMS.register_module()
class TextFile(BaseLMM):
    """Takes texts from files; calls no model.

    A JSONL file holds one object per line: ``sample_id`` and ``text``, and
    optionally ``kind`` (``image`` by default), ``prompt`` (then the line
    answers that prompt only) and ``status``; what
    ``tools/texts.py export`` writes is read back.

    Folders of txt files are those of the LatteCLIP reference code, one per
    kind (``train_<prompt>_77_<model>_4bit``): the text of
    ``Forest/Forest_1.jpg`` is in ``Forest_1.txt`` (``layout='flat'``) or in
    ``Forest/Forest_1.txt`` (``layout='nested'``). In the flat layout images
    of one name, without suffix, are ambiguous: none gets a text.

    Args:
        path (str | None): JSONL file.
        image_dir (str | None): Folder of image texts.
        group_dir (str | None): Folder of group texts.
        layout (str): Layout of the folders, ``'flat'`` or ``'nested'``.

    Examples:
        >>> lmm = TextFile('texts.jsonl')
        >>> lmm = TextFile(image_dir='train_classname_eurosat_77_llava_4bit')
    """

    def __init__(
        self,
        path: str | None = None,
        image_dir: str | None = None,
        group_dir: str | None = None,
        layout: str = 'flat',
    ) -> None:
        if (path is None) == (image_dir is None and group_dir is None):
            raise ValueError(
                'TextFile: give either path (JSONL) or image_dir/group_dir '
                '(folders of txt files)'
            )
        if layout not in ('flat', 'nested'):
            raise ValueError(f"TextFile: layout={layout!r}: 'flat', 'nested'")
        self.path = Path(path) if path else None
        self.folders = {
            kind: Path(folder)
            for kind, folder in (('image', image_dir), ('group', group_dir))
            if folder
        }
        self.layout = layout
        self._keys: np.ndarray | None = None
        self._offsets: np.ndarray | None = None
        self._shared: np.ndarray | None = None
        self._owners: dict[str, str] = {}

    @cached_property
    def _files(self) -> dict[str, str]:
        # Once: there may be millions, on a slow disk.
        return {
            kind: _fingerprint(folder, self.layout == 'nested')
            for kind, folder in self.folders.items()
        }

    @property
    def name(self) -> str:
        """Name of the file, or of the first folder."""
        source = self.path or next(iter(self.folders.values()))
        return f'text-file-{source.stem}'

    @property
    def params(self) -> dict:
        """Names and times of all files: changed files are read again."""
        if self.path is not None:
            stat = self.path.stat() if self.path.exists() else None
            return {
                'sources': [self.path.name],
                'changed': [stat.st_mtime_ns if stat else 0],
                'sizes': [stat.st_size if stat else 0],
                'layout': self.layout,
            }
        return {
            'sources': [folder.name for folder in self.folders.values()],
            'files': self._files,
            'layout': self.layout,
        }

    def check(self) -> None:
        """Read the file once, or see whether the folders hold texts.

        Raises:
            LMMUnavailableError: If something is missing or malformed.
        """
        if self.path is not None:
            self._index()
        for kind, folder in self.folders.items():
            if next(folder.glob('**/*.txt'), None) is None:
                raise LMMUnavailableError(
                    f'TextFile: {kind}_dir={folder} holds no .txt file'
                )

    def generate(
        self, requests: Iterable[LMMRequest], seed: int | None = None
    ) -> Iterator[list[Answer]]:
        """Look texts up; see :class:`BaseLMM`."""
        batch: list[Answer] = []
        if self.path is not None:
            self._index()
            with self.path.open('rb') as file:
                for request in requests:
                    batch.append(self._from_line(file, request))
                    if len(batch) == 1000:
                        yield batch
                        batch = []
        else:
            for request in requests:
                batch.append(self._from_folder(request))
                if len(batch) == 1000:
                    yield batch
                    batch = []
        if batch:
            yield batch

    def choose(
        self, questions: Iterable[ClosedQuestion]
    ) -> Iterator[list[Choice]]:
        """Look answers up; see :class:`BaseLMM`."""
        for answers in self.generate(questions):
            yield [read_choice(a, 'file', stored=True) for a in answers]

    def _from_line(self, file, request: LMMRequest) -> Answer:
        assert self._keys is not None and self._offsets is not None
        for prompt in (request.prompt, ''):
            key = record_key(request.sample_id, request.kind, prompt)
            position = int(np.searchsorted(self._keys, key))
            if position < len(self._keys) and self._keys[position] == key:
                file.seek(int(self._offsets[position]))
                line = json.loads(file.readline())
                return Answer(request, line.get('text', ''))
        return Answer(request, error=f'not in {self.path}', final=True)

    def expect(self, sample_ids: Iterable[str]) -> None:
        """Find the file names that samples share; see :class:`BaseLMM`."""
        if self.path is not None or self.layout == 'nested':
            return
        stems, ids = array('Q'), array('Q')
        stream = iter(sample_ids)
        while block := list(islice(stream, BLOCK)):
            names = [encode_id(_stem(sample_id)) for sample_id in block]
            stems.frombytes(sample_keys(names).tobytes())
            ids.frombytes(sample_keys(map(encode_id, block)).tobytes())
        by_stem = np.frombuffer(stems, np.uint64)
        order = np.argsort(by_stem, kind='stable')
        by_stem = by_stem[order]
        owners = np.frombuffer(ids, np.uint64)[order]
        # The same sample may be listed twice.
        twice = (by_stem[1:] == by_stem[:-1]) & (owners[1:] != owners[:-1])
        self._shared = np.unique(by_stem[1:][twice])

    def _doubt(self, stem: str, sample_id: str) -> str:
        """Why a file may not be the sample's own; empty if it is."""
        if self._shared is not None:
            key = np.uint64(sample_key(stem))
            place = int(np.searchsorted(self._shared, key))
            if place < len(self._shared) and self._shared[place] == key:
                return (
                    f'several images have this file name: {stem}.txt; '
                    "layout='nested' separates folders, JSONL all images"
                )
            return ''
        # The samples were not listed before.
        owner = self._owners.setdefault(stem, sample_id)
        if owner == sample_id:
            return ''
        return f'{stem}.txt may belong to {owner} too'

    def _from_folder(self, request: LMMRequest) -> Answer:
        folder = self.folders.get(request.kind)
        if folder is None:
            reason = f'no {request.kind}_dir was given'
            return Answer(request, error=reason, final=True)
        name = PurePosixPath(request.sample_id)
        if self.layout == 'nested':
            path = folder / name.with_suffix('.txt')
        else:
            stem = _stem(request.sample_id)
            if reason := self._doubt(stem, request.sample_id):
                return Answer(request, error=reason, final=True)
            path = folder / f'{stem}.txt'
        try:
            text = path.read_text(encoding='utf-8', errors='replace')
        except OSError as error:
            return Answer(request, error=str(error), final=True)
        return Answer(request, text)

    def _index(self) -> None:
        """Note where each line starts: two int arrays, no texts."""
        if self._keys is not None:
            return
        assert self.path is not None
        if not self.path.is_file():
            raise LMMUnavailableError(f'TextFile: there is no {self.path}')
        keys, offsets, offset = [], [], 0
        with self.path.open('rb') as file:
            for number, raw in enumerate(file, 1):
                try:
                    key = _line_key(raw)
                except (ValueError, KeyError, TypeError) as error:
                    raise LMMUnavailableError(
                        f'TextFile: {self.path}, line {number}: {error!r}; '
                        'a line is an object with "sample_id" and "text"'
                    ) from error
                if key is not None:
                    keys.append(key)
                    offsets.append(offset)
                offset += len(raw)
        order = np.argsort(np.array(keys, np.int64), kind='stable')
        self._keys = np.array(keys, np.int64)[order]
        self._offsets = np.array(offsets, np.int64)[order]


def _stem(sample_id: str) -> str:
    """Name of a sample's file in the flat layout, without ``.txt``."""
    return PurePosixPath(sample_id).name.split('.')[0]


def _fingerprint(folder: Path, deep: bool) -> str:
    """Hash of names, sizes and times of txt files; of none if no folder."""
    digest = hashlib.blake2b(digest_size=8)
    for place, folders, names in os.walk(folder, followlinks=deep):
        folders[:] = sorted(folders) if deep else []
        digest.update(encode_id(os.path.relpath(place, folder)) + b'\0')
        for name in sorted(names):
            if not name.endswith('.txt'):
                continue
            path = os.path.join(place, name)
            try:
                stat = os.stat(path)
                facts = f'{stat.st_size} {stat.st_mtime_ns}'
            except OSError:  # reading it raises the error
                facts = 'unreadable'
            digest.update(encode_id(f'{name}\0{facts}\0'))
    return digest.hexdigest()


def _line_key(raw: bytes) -> int | None:
    """Key of a JSONL line; None for an empty line and a failed text."""
    if not raw.strip():
        return None
    line = json.loads(raw)
    sample_id, text = line['sample_id'], line['text']
    kind = line.get('kind', 'image')
    if not isinstance(sample_id, str) or not isinstance(text, str):
        raise ValueError('sample_id and text must be strings')
    if kind not in KINDS:
        raise ValueError(f'kind {kind!r} is not one of {KINDS}')
    if line.get('status', 'ok') != 'ok':
        return None
    return record_key(sample_id, kind, line.get('prompt', ''))
