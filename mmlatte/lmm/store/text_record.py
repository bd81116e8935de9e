"""What the text store keeps about one text, and the key it is found by."""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from mmlatte.sample_key import encode_id, sample_key

__all__ = [
    'KINDS',
    'RecordKeys',
    'TextRecord',
    'record_key',
]

#: Kinds of text. The store keeps the position as a small integer.
KINDS = ('image', 'group', 'class', 'choice')


@dataclass
class TextRecord:
    """One text, or the reason why there is none.

    Args:
        sample_id (str): Path of the image relative to the data root; bytes
            that are no UTF-8 are kept as Python's surrogate escapes. For a
            class text, the class name.
        kind (str): One of :data:`KINDS`.
        prompt (str): The prompt in full, together with whatever else decides
            what the model was shown (see :mod:`mmlatte.lmm.asking.prompts`).
        text (str): The text; empty if ``status`` is ``'failed'``.
        status (str): ``'ok'`` or ``'failed'``.
        reason (str): Why the text failed; what is odd about an accepted one.
        members (tuple[str]): Ids of the images in the collage of a group.
        image (str): What the image is known by: :func:`key_name` of its
            :func:`~mmlatte.lmm.picture_keys`, so that a text stays with an
            image wherever it lies and never passes to another one, nor to
            the same one with other pixels. Empty for a class text, which is
            known by its name.
        model (str): Name of the model.
        params (dict): Generation parameters, for provenance.
        attempts (int): How many times the model was asked.
        created (float): Unix time.
    """

    sample_id: str
    kind: str
    prompt: str
    text: str = ''
    status: str = 'ok'
    reason: str = ''
    members: tuple[str, ...] = ()
    image: str = ''
    model: str = ''
    params: dict = field(default_factory=dict)
    attempts: int = 1
    created: float = 0.0

    @property
    def key(self) -> int:
        """The record's key in the store."""
        return record_key(self.sample_id, self.kind, self.prompt, self.image)

    @property
    def asked(self) -> tuple[str, dict | None]:
        """What was asked, and what else decided what the model was shown.

        The latter is the last line of the prompt of a group or a choice, as
        JSON; None where there is none.
        """
        question, _, last = self.prompt.rpartition('\n')
        known = self.kind in ('group', 'choice')
        if known and question and last.startswith('{'):
            return question, json.loads(last)
        return self.prompt, None


def record_key(sample_id: str, kind: str, prompt: str, image: str = '') -> int:
    """Key of a text: 63 bits of a hash of image, kind and prompt.

    The image is known by what is in it if that is given, else by its id.

    A key is the row number in every file of the store, so it stays valid
    when files are merged. Two of 20 million texts share one with a
    probability of 2e-5.
    """
    known_by = int(image, 16) if image else sample_key(sample_id)
    return (known_by ^ _prompt_key(kind, prompt)) >> 1


class RecordKeys:
    """Keys of many texts of one kind, see `record_key`.

    Args:
        kind (str): Kind of the texts.
        prompts (Sequence[str]): What they answer: one prompt for all, or one
            per class.

    Examples:
        >>> keys = RecordKeys('image', ['Describe.'])
        >>> images = np.array([0x10], np.uint64)
        >>> int(keys(images)[0]) == record_key(
        ...     'a.jpg', 'image', 'Describe.', f'{0x10:016x}'
        ... )
        True
    """

    def __init__(self, kind: str, prompts: Sequence[str]) -> None:
        found = [_prompt_key(kind, prompt) for prompt in prompts]
        self._prompts = np.array(found, np.uint64)

    def __call__(
        self, images: np.ndarray, classes: np.ndarray | None = None
    ) -> np.ndarray:
        """Return the keys of texts.

        Args:
            images (np.ndarray): uint64 (N,), what the images are known by.
            classes (np.ndarray | None): int (N,), needed with several
                prompts.

        Returns:
            np.ndarray: int64 (N,).
        """
        if len(self._prompts) == 1:
            prompts = self._prompts
        else:
            prompts = self._prompts[classes]
        return ((images ^ prompts) >> np.uint64(1)).astype(np.int64)


@functools.lru_cache(4096)
def _prompt_key(kind: str, prompt: str) -> int:
    digest = hashlib.blake2b(digest_size=8)
    for part in (kind, prompt):
        raw = encode_id(part)
        digest.update(len(raw).to_bytes(8, 'little'))
        digest.update(raw)
    return int.from_bytes(digest.digest(), 'little')
