"""Closed questions to servers that speak the OpenAI protocol."""

import dataclasses
import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from .choice import Choice
from .choose_by_text import read_choice
from .letters import LETTERS
from .parse_choice import parse_json

if TYPE_CHECKING:
    from ..base_lmm import Answer, BaseLMM
    from .closed_question import ClosedQuestion

__all__ = ['choose_at_server']

#: From the way that tells most to the one that every server has.
WAYS = ('logprobs', 'schema', 'text')


def choose_at_server(
    lmm: 'BaseLMM', questions: Iterable['ClosedQuestion']
) -> Iterator[list[Choice]]:
    """Ask a server in the best way that it has.

    Log-probabilities of the letters tell how sure the model is; a JSON schema
    keeps it to the names; a short text is parsed. The first question finds
    out what the server has, with a request for each way that it has not; all
    others cost one request.

    Args:
        lmm (BaseLMM): Sends a request's ``fields`` to the server.
        questions (Iterable[ClosedQuestion]): What to ask.

    Yields:
        list[Choice]: What was finished together.
    """
    source = iter(questions)
    way = None
    for question in source:
        for way in WAYS:
            [[answer]] = lmm.generate([_by(way, question)])
            choice = _read(answer, way)
            if choice.way == way:
                break
        yield [choice]
        if not answer.error:
            break
        # Whatever was asked for: the image may be to blame.
    asked = (_by(way, question) for question in source)
    for answers in lmm.generate(asked):
        yield [_read(answer, way) for answer in answers]


def _by(way: str | None, question: 'ClosedQuestion') -> 'ClosedQuestion':
    """Return the question with what the server is to send."""
    fields: dict = {}
    if way == 'logprobs' and question.letters:
        fields = {'logprobs': True, 'top_logprobs': len(LETTERS)}
    if way == 'schema':
        count = len(question.names)
        picks = LETTERS[:count] if question.letters else question.names
        schema = {
            'type': 'object',
            'properties': {'answer': {'type': 'string', 'enum': [*picks]}},
            'required': ['answer'],
            'additionalProperties': False,
        }
        named = {'name': 'answer', 'strict': True, 'schema': schema}
        fields = {
            'response_format': {'type': 'json_schema', 'json_schema': named}
        }
    return dataclasses.replace(question, fields=fields)


def _read(answer: 'Answer', way: str | None) -> Choice:
    """Return what an answer picks, and by which way it really came."""
    question: ClosedQuestion = answer.request  # type: ignore[assignment]
    if way == 'logprobs' and question.letters:
        shares = [0.0] * len(question.names)
        for token, value in answer.first_tokens.items():
            place = LETTERS.find(token.strip(' \t\n▁Ġ().:*"') or '-')
            if 0 <= place < len(shares):
                shares[place] += math.exp(value)
        total = sum(shares)
        if total > 0:
            found = tuple(share / total for share in shares)
            return Choice.likeliest(question, found, way)
    if way == 'schema' and parse_json(answer.text) is not None:
        return read_choice(answer, way)
    return read_choice(answer)
