"""What the replies of a server that speaks the OpenAI protocol mean."""

from typing import Any

__all__ = ['is_hopeless', 'text_of', 'what_next']


def text_of(response: Any) -> str:
    """The text of a chat completion.

    Raises:
        ValueError: If the response is none.
    """
    try:
        return response.choices[0].message.content or ''
    except (AttributeError, IndexError, TypeError) as error:
        raise ValueError('the answer is no chat completion') from error


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
