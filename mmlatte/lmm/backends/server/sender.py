"""Sending requests to a server until they are answered or given up."""

import asyncio
import random
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..base_lmm import LMMUnavailableError
from .api_key import read_key
from .openai_replies import (
    NoTextError,
    first_tokens,
    is_alive,
    is_hopeless,
    plain_error,
    prompt_tokens,
    refusal,
    text_of,
    what_next,
)
from .request_body import RequestBody

__all__ = ['GivenUpError', 'Reply', 'Sender']

#: Requests that fail in a row before the server counts as useless.
MAX_FAILURES_IN_A_ROW = 20


class GivenUpError(Exception):
    """A request failed while the server lives; the message says why.

    Args:
        problem (str): The server's words.
        final (bool): Whether asking again is pointless.
    """

    def __init__(self, problem: str, final: bool) -> None:
        super().__init__(problem)
        self.final = final


class Reply(NamedTuple):
    """What a server answers.

    Args:
        text (str): Its text.
        first_tokens (dict[str, float]): Log-probabilities of the likeliest
            first tokens, where they were asked for and the server has them.
        prompt_tokens (int | None): Tokens of the question, where the server
            says how many.
    """

    text: str
    first_tokens: dict[str, float]
    prompt_tokens: int | None


class Sender:
    """Sends requests to one server.

    Args:
        base_url (str): The server.
        api_key_env (str | None): See `read_key`.
        body (RequestBody): What is sent.
        timeout (float): Seconds for one request, all of it.
        max_attempts (int): How often a request is sent.
        backoff (float): Seconds of the first pause; doubles each time.
        patience (float): Seconds of rate limits for one request.
    """

    def __init__(
        self,
        base_url: str,
        api_key_env: str | None,
        body: RequestBody,
        timeout: float,
        max_attempts: int,
        backoff: float,
        patience: float,
    ) -> None:
        self.base_url = base_url
        self.api_key_env = api_key_env
        self.body = body
        self.timeout = timeout
        self.max_attempts = max_attempts
        self.backoff = backoff
        self.patience = patience
        self._in_a_row = 0

    def client(self) -> Any:
        """Make a client of the server, to be closed by the caller."""
        import openai

        return openai.AsyncOpenAI(
            base_url=self.base_url,
            api_key=read_key(self.api_key_env, self.base_url),
            max_retries=0,
            timeout=self.timeout,
        )

    async def send(
        self,
        client: Any,
        content: list[dict],
        max_tokens: int,
        temperature: float,
        seed: int,
        fields: Mapping[str, Any],
        probe: bool = False,
    ) -> Reply:
        """Send a request until it is answered or given up.

        Args:
            client (openai.AsyncOpenAI): Of :meth:`client`.
            content (list[dict]): Parts of the message.
            max_tokens (int): Longest answer.
            temperature (float): 0 for the best guess.
            seed (int): Of sampling.
            fields (Mapping[str, Any]): More that the server is asked for.
            probe (bool): Send it once, to see whether the server is there.

        Returns:
            Reply: An empty one if a probe finds a server that limits the
            rate, and so is there.

        Raises:
            NoTextError: If the answer holds no text.
            GivenUpError: If the request failed.
            LMMUnavailableError: If the server is gone or useless.
        """
        import openai

        failures = (openai.APIError, asyncio.TimeoutError, ValueError)
        began = time.monotonic()
        tries = sent = 0
        most = 1 if probe else self.max_attempts
        while tries < most:
            body = self.body.make(content, max_tokens, temperature, seed)
            body.update(fields)
            try:
                response = await asyncio.wait_for(
                    client.chat.completions.create(**body), self.timeout
                )
                text = text_of(response)
                self._in_a_row = 0
                return Reply(
                    text, first_tokens(response), prompt_tokens(response)
                )
            except NoTextError:
                self._in_a_row = 0
                raise
            except failures as error:
                problem = plain_error(error, self.timeout, client.api_key)
                if refusal(error) and self.body.leave_out(problem, body):
                    continue
                if is_hopeless(error):
                    raise LMMUnavailableError(self.gone(problem)) from None
                pause, counts = what_next(error)
                sent += 1
                tries += counts
                if pause is None:
                    raise self._given_up(problem, final=True) from None
                if not counts:
                    if probe:
                        return Reply('', {}, None)
                    self._check_patience(began, problem)
            if tries < most:
                grown = self.backoff * 2 ** min(sent - 1, 6)
                pause = pause or grown * random.uniform(0.5, 1)
                await asyncio.sleep(min(pause, self.patience))
        if not probe and not await is_alive(client, self.timeout):
            raise LMMUnavailableError(self.gone(problem))
        raise self._given_up(problem, final=not probe)

    def _check_patience(self, began: float, problem: str) -> None:
        if time.monotonic() - began > self.patience:
            # A spent quota is never the image's fault.
            raise LMMUnavailableError(
                self.gone(
                    'it limits the rate for more than '
                    f'{self.patience:g} s (patience): {problem}'
                )
            )

    def _given_up(self, problem: str, final: bool) -> Exception:
        self._in_a_row += 1
        if self._in_a_row < MAX_FAILURES_IN_A_ROW:
            return GivenUpError(problem, final)
        return LMMUnavailableError(
            self.gone(
                f'{self._in_a_row} requests in a row failed, the last one '
                f'with: {problem}'
            )
        )

    def gone(self, problem: str) -> str:
        """Return what to do about a server that is of no use."""
        return (
            f'OpenAICompatibleLMM: {self.base_url} does not answer for '
            f'{self.body.model!r}: {problem}. Is the server running, is this '
            'the name of a model there, does it take images, and does it '
            'need an API key (environment variable MMLATTE_API_KEY, or the '
            'one that lmm.api_key_env names)? What is done is stored; start '
            'the run again to go on.'
        )
