"""The API key of a server, from the environment alone."""

import os

from .base_lmm import LMMUnavailableError

__all__ = ['NO_KEY', 'read_key']

#: What a server that needs no key is given.
NO_KEY = 'none'


def read_key(variable: str | None) -> str:
    """Return the key in an environment variable; never stored or logged.

    Args:
        variable (str | None): Its name; None for servers that need no key.

    Raises:
        LMMUnavailableError: If it is empty.
    """
    if variable is None:
        return NO_KEY
    key = os.environ.get(variable, '')
    if not key:
        raise LMMUnavailableError(
            f'OpenAICompatibleLMM: the environment variable {variable} is '
            'empty; put the API key there'
        )
    return key
