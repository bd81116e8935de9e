"""What the replies of a server that speaks the OpenAI protocol mean."""

import asyncio
from typing import Any

from .api_key import NO_KEY

__all__ = [
    'NoTextError',
    'first_tokens',
    'is_alive',
    'is_hopeless',
    'plain_error',
    'prompt_tokens',
    'refusal',
    'text_of',
    'what_next',
]


class NoTextError(Exception):
    """A reply without a text; the message says why."""


def text_of(response: Any) -> str:
    """The text of a chat completion.

    Raises:
        ValueError: If the response is none.
        NoTextError: If the model has written none.
    """
    try:
        choice = response.choices[0]
        content = choice.message.content
    except (AttributeError, IndexError, TypeError) as error:
        raise ValueError('the answer is no chat completion') from error
    text = content if isinstance(content, str) else _joined(content)
    unfinished = text.lstrip().lower().startswith('<think')
    if '</think' in text or (text.strip() and not unfinished):
        return text
    ended = f'finish_reason {choice.finish_reason!r}'
    extra = choice.message.model_extra or {}
    thought = extra.get('reasoning') or extra.get('reasoning_content')
    if thought or unfinished:
        raise NoTextError(
            f'the model thinks and writes no text ({ended}): switch thinking '
            'off (lmm.extra=dict(chat_template_kwargs=dict(enable_thinking='
            "False)), or dict(reasoning_effort='none')), or raise "
            'lmm.max_new_tokens'
        )
    natural = choice.finish_reason in (None, 'stop')
    raise NoTextError('empty' if natural else f'empty ({ended})')


def _joined(parts: Any) -> str:
    """The text of content that comes in parts; thoughts are none."""
    texts = [
        part.get('text') or ''
        for part in parts or ()
        if isinstance(part, dict)
        and part.get('type') in ('text', 'output_text')
    ]
    return ''.join(texts)


def first_tokens(response: Any) -> dict[str, float]:
    """Log-probabilities of the likeliest first tokens of a chat completion.

    Returns:
        dict[str, float]: Empty if the server gave none.
    """
    try:
        top = response.choices[0].logprobs.content[0].top_logprobs
        return {str(one.token): float(one.logprob) for one in top}
    except (AttributeError, IndexError, TypeError, ValueError):
        return {}


def prompt_tokens(response: Any) -> int | None:
    """Return how many tokens a server read; None if it does not say."""
    try:
        return int(response.usage.prompt_tokens)
    except (AttributeError, TypeError, ValueError):
        return None


def is_hopeless(error: Exception) -> bool:
    """Whether no request at all can succeed."""
    import openai

    return isinstance(
        error,
        (
            openai.AuthenticationError,
            openai.PermissionDeniedError,
            openai.NotFoundError,
        ),
    )


def refusal(error: Exception) -> str:
    """The words of a server that refuses a request as it is, or nothing."""
    import openai

    refused = (openai.BadRequestError, openai.UnprocessableEntityError)
    return str(error) if isinstance(error, refused) else ''


def what_next(error: Exception) -> tuple[float | None, int]:
    """What to do after a failed try.

    Returns:
        tuple: Seconds to wait before another try (0 for the usual pause,
        None for no other try); 1 if the try counts, 0 if the server is only
        busy.
    """
    import openai

    if isinstance(error, openai.RateLimitError):
        return _retry_after(error), 0
    if isinstance(error, openai.InternalServerError):
        return _retry_after(error), 1
    if isinstance(error, openai.APIStatusError):
        return None, 1
    # Time-outs, lost connections, answers that are no JSON.
    return 0, 1


def _retry_after(error: Any) -> float:
    try:
        return max(0.0, float(error.response.headers.get('retry-after', 0)))
    except ValueError:
        return 0.0


async def is_alive(client: Any, timeout: float) -> bool:
    """Whether a server still answers anything.

    Args:
        client (openai.AsyncOpenAI): Its client.
        timeout (float): Seconds to wait.
    """
    import openai

    try:
        await asyncio.wait_for(client.models.list(), timeout)
    except openai.APIStatusError as error:
        # A gateway whose server is gone; some servers cannot list models.
        return error.status_code not in (502, 503, 504)
    except Exception:
        return False
    return True


def plain_error(error: Exception, timeout: float, key: str) -> str:
    """One line about an error, without the API key."""
    if isinstance(error, asyncio.TimeoutError):
        return f'no answer within {timeout:g} s'
    cause = f' ({error.__cause__})' if error.__cause__ else ''
    text = f'{type(error).__name__}: {error}{cause}'
    text = ' '.join(text.split())[:300]
    return text if key == NO_KEY else text.replace(key, '***')
