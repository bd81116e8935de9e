"""The API key of a server, from the environment alone."""

import os
from urllib.parse import urlsplit

from ..base_lmm import LMMUnavailableError

__all__ = ['NO_KEY', 'read_key']

#: What a server that needs no key is given.
NO_KEY = 'none'
#: Holds the key of any address, where no other variable is named.
ANY = 'MMLATTE_API_KEY'
#: Holds OpenAI's key; it is sent there only.
OPENAI = 'OPENAI_API_KEY'


def read_key(variable: str | None, base_url: str) -> str:
    """Return the key in an environment variable; never stored or logged.

    Args:
        variable (str | None): Its name; None for `ANY`, or `OPENAI` for
            OpenAI's own address, or no key.
        base_url (str): The server.

    Raises:
        LMMUnavailableError: If the named variable is empty.
    """
    if variable is None:
        key = os.environ.get(ANY, '')
        if not key and urlsplit(base_url).hostname == 'api.openai.com':
            key = os.environ.get(OPENAI, '')
        return key or NO_KEY
    key = os.environ.get(variable, '')
    if not key:
        raise LMMUnavailableError(
            f'OpenAICompatibleLMM: the environment variable {variable} is '
            'empty; put the API key there'
        )
    return key
