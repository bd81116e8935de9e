"""A user's error ends a tool with its message, a bug with a traceback."""

import dis
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

__all__ = ['user_errors']

HERE = str(Path(__file__).parent) + os.sep
RAISE = dis.opmap['RAISE_VARARGS']
#: Where mmengine raises what it finds wrong in a config.
REGISTRY = os.path.join('', 'mmengine', 'registry', '')
CONFIGS = (REGISTRY, os.path.join('', 'mmengine', 'config', ''))


@contextmanager
def user_errors() -> Iterator[None]:
    """End a tool with the message of an error that is about its input.

    Such are those that mmlatte raises itself, those of files (`OSError`) and
    those of mmengine about a config. With ``MMLATTE_TRACEBACK=1`` they have
    a traceback, as all others have.

    Raises:
        SystemExit: With the message.
    """
    try:
        yield
    except Exception as error:
        message = None
        if not os.environ.get('MMLATTE_TRACEBACK'):
            message = _message(error)
        if message is None:
            raise
        raise SystemExit(message) from None


def _message(error: BaseException) -> str | None:
    """The message of the outermost error that is a user's, else None."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) or _is_raised_in(found, HERE):
            return f'{found}'
        found = found.__cause__ or found.__context__
    if _is_raised_in(error, *CONFIGS) or _has_wrong_key(error):
        return f'{error}'
    return None


def _is_raised_in(error: BaseException, *folders: str) -> bool:
    """Whether a ``raise`` in one of these made it, and no slip of the code."""
    frames = _frames(error)
    if not frames:
        return False
    code, last = frames[-1].tb_frame.f_code, frames[-1].tb_lasti
    inside = any(folder in code.co_filename for folder in folders)
    return inside and code.co_code[last] == RAISE


def _has_wrong_key(error: BaseException) -> bool:
    """Whether a config names an argument that a class does not have."""
    words = ('unexpected keyword argument', 'missing')
    return (
        isinstance(error, TypeError)
        and any(word in str(error) for word in words)
        and any(
            REGISTRY in frame.tb_frame.f_code.co_filename
            for frame in _frames(error)
        )
    )


def _frames(error: BaseException) -> list[TracebackType]:
    frames, trace = [], error.__traceback__
    while trace is not None:
        frames.append(trace)
        trace = trace.tb_next
    return frames
