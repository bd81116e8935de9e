"""What every backend that writes texts has in common."""

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from PIL import Image

__all__ = [
    'Answer',
    'BaseLMM',
    'LMMRequest',
    'LMMUnavailableError',
    'QuestionTokens',
]


class LMMUnavailableError(RuntimeError):
    """The backend as a whole cannot go on; what is done stays done."""


@dataclass(frozen=True)
class LMMRequest:
    """One question to an LMM.

    Args:
        sample_id (str): Id of the image (for a group: of its anchor).
        kind (str): ``'image'``, ``'group'`` or ``'class'``.
        prompt (str): The question.
        load (Callable): Returns the image; called in a background thread.
        tag (int): The caller's own number, untouched by backends.
    """

    sample_id: str
    kind: str
    prompt: str
    load: Callable[[], Image.Image]
    tag: int = 0


@dataclass(frozen=True)
class Answer:
    """What an LMM made of a request: a text, or the reason for none.

    Args:
        request (LMMRequest): The request.
        text (str): The text as the model wrote it.
        error (str): Why there is none; empty if there is one.
        final (bool): Whether asking again is pointless (unreadable image).
    """

    request: LMMRequest
    text: str = ''
    error: str = ''
    final: bool = field(default=False)


@dataclass(frozen=True)
class QuestionTokens:
    """What a model reads for one question.

    Args:
        visual (int | None): Tokens of the picture; None where only the sum
            is known.
        total (int): Tokens of picture, prompt and chat template.
    """

    visual: int | None
    total: int


class BaseLMM(ABC):
    """Writes texts about images.

    Constructing a backend is cheap: weights are loaded by the first
    :meth:`generate`.
    """

    #: Requests that are worked on together, where a backend has no option.
    batch_size: int = 16

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the model, for people."""

    @property
    @abstractmethod
    def params(self) -> dict:
        """Plain data that decides the texts; kept with every one of them."""

    @abstractmethod
    def check(self) -> None:
        """Find out early, without loading weights, whether this can work.

        Raises:
            LMMUnavailableError: If it cannot; the message names the fix.
        """

    @abstractmethod
    def generate(
        self, requests: Iterable[LMMRequest], seed: int | None = None
    ) -> Iterator[list[Answer]]:
        """Answer requests, in any order, a few at a time.

        Args:
            requests (Iterable[LMMRequest]): Read no further ahead than
                needed.
            seed (int | None): None for the backend's best guess (greedy);
                a number to sample with that seed, for a second try.

        Yields:
            list[Answer]: What was finished together.
        """

    def expect(self, sample_ids: Iterable[str]) -> None:
        """Learn which samples there are, before :meth:`generate`.

        Only backends that identify samples by name need it; the others
        do nothing.

        Args:
            sample_ids (Iterable[str]): All samples of the data set, also
                those that this process is not going to ask about.
        """
        return None

    def question_tokens(
        self, image: Image.Image, prompt: str
    ) -> QuestionTokens | None:
        """Count the tokens of a question, to see what it costs.

        Args:
            image (Image.Image): The image, or the collage.
            prompt (str): The question.

        Returns:
            QuestionTokens | None: None where no model reads pictures, or the
            number is not known.
        """
        return None

    def close(self) -> None:
        """Free memory; the backend may be used again."""
        return None

    @property
    def fingerprint(self) -> str:
        """Stands for the model and its parameters in the store's path."""
        content = json.dumps(
            [type(self).__name__, self.name, self.params], sort_keys=True
        )
        return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()

    @property
    def slug(self) -> str:
        """The name as a part of a file name."""
        slug = re.sub(r'[^A-Za-z0-9.-]+', '-', self.name).strip('-.')
        return slug[:60] or 'lmm'
