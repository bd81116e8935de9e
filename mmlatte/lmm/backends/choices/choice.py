import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .closed_question import ClosedQuestion

__all__ = ['Choice']


@dataclass(frozen=True)
class Choice:
    """Which name an LMM picked, or the reason for none.

    Args:
        question (ClosedQuestion): The question.
        position (int): Of the name in the question; -1 for none.
        way (str): How the answer was had: ``'likelihood'`` of the names,
            ``'logprobs'`` of the letters, ``'schema'`` (the server lets the
            model write nothing else), ``'text'`` or ``'file'``.
        confidence (float | None): From 0 to 1; None where the way tells
            none.
        probabilities (tuple[float, ...]): Of the names, if the way tells
            them.
        error (str): Why there is no answer.
    """

    question: 'ClosedQuestion'
    position: int = -1
    way: str = ''
    confidence: float | None = None
    probabilities: tuple[float, ...] = ()
    error: str = ''

    @classmethod
    def likeliest(
        cls,
        question: 'ClosedQuestion',
        probabilities: tuple[float, ...],
        way: str,
    ) -> 'Choice':
        """Pick the name of the largest probability; the first of equals."""
        best = max(range(len(probabilities)), key=probabilities.__getitem__)
        return cls(
            question, best, way, probabilities[best], tuple(probabilities)
        )

    @property
    def name(self) -> str:
        """str: The name; empty for none."""
        return '' if self.position < 0 else self.question.names[self.position]

    def to_json(self) -> str:
        """Return name, confidence, way and probabilities as one line."""
        content: dict = {'answer': self.name, 'way': self.way}
        if self.confidence is not None:
            content['confidence'] = round(self.confidence, 4)
        if self.probabilities:
            pairs = zip(self.question.names, self.probabilities, strict=True)
            content['probabilities'] = {n: round(p, 4) for n, p in pairs}
        return json.dumps(content)
