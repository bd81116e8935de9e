"""What every backend that writes texts has in common."""

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from PIL import Image

from .choices.choose_by_text import choose_by_text

if TYPE_CHECKING:
    from .choices.choice import Choice
    from .choices.closed_question import ClosedQuestion

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
        kind (str): ``'image'``, ``'group'``, ``'class'`` or ``'choice'``.
        prompt (str): The question.
        load (Callable): Returns the image; called in a background thread.
        tag (int): The caller's own number, untouched by backends.
        fields (Mapping): What else a server is sent with this question.
    """

    sample_id: str
    kind: str
    prompt: str
    load: Callable[[], Image.Image]
    tag: int = 0
    fields: Mapping[str, Any] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Answer:
    """What an LMM made of a request: a text, or the reason for none.

    Args:
        request (LMMRequest): The request.
        text (str): The text as the model wrote it.
        error (str): Why there is none; empty if there is one.
        final (bool): Whether asking again is pointless (unreadable image).
        first_tokens (Mapping[str, float]): Log-probabilities of the tokens
            that the text could have begun with, of servers that were asked
            for them.
    """

    request: LMMRequest
    text: str = ''
    error: str = ''
    final: bool = field(default=False)
    first_tokens: Mapping[str, float] = field(default_factory=dict, hash=False)


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
    #: Whether closed questions ask for a letter in place of a name.
    letters: bool = False

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

    def choose(
        self, questions: Iterable['ClosedQuestion']
    ) -> Iterator[list['Choice']]:
        """Answer closed questions, in any order, a few at a time.

        By default a short text is written, and the name in it counts.

        Args:
            questions (Iterable[ClosedQuestion]): Read no further ahead than
                needed.

        Yields:
            list[Choice]: What was finished together.
        """
        return choose_by_text(self, questions)

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
