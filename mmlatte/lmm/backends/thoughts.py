"""What a model thinks before it answers is no part of the answer."""

import re

__all__ = ['without_thoughts']

_THOUGHTS = re.compile(
    r'<think(?:ing)?>.*?(?:</think(?:ing)?>|$)', re.S | re.I
)
#: Chat templates may write the opening tag, so that only the other is here.
_ENDED = re.compile(r'\A.*</think(?:ing)?>', re.S | re.I)


def without_thoughts(text: str) -> str:
    """Remove what stands between tags of thinking, or before a closing one.

    Examples:
        >>> without_thoughts('<think>Trees?</think> a river').strip()
        'a river'
        >>> without_thoughts('Trees? </think> a river').strip()
        'a river'
    """
    return _ENDED.sub(' ', _THOUGHTS.sub(' ', text))
