"""Any server that speaks the OpenAI protocol."""

import asyncio
import queue
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from PIL import Image

from mmlatte.registry import LMMS

from .api_key import read_key
from .background import Background, get, run
from .base_lmm import Answer, BaseLMM, LMMRequest, LMMUnavailableError
from .choices.choice import Choice
from .choices.closed_question import ClosedQuestion
from .choices.server_choices import ServerChoices
from .data_url import image_and_text
from .load_image import ImageError
from .openai_replies import (
    first_tokens,
    gone_message,
    is_alive,
    is_hopeless,
    plain_error,
    text_of,
    what_next,
)

__all__ = ['OpenAICompatibleLMM']

#: Requests that fail in a row before the server counts as useless.
MAX_FAILURES_IN_A_ROW = 20


@LMMS.register_module()
class OpenAICompatibleLMM(BaseLMM):
    """Asks a server: vLLM, SGLang, Ollama, ``transformers serve``, hosted.

    Images travel as data URLs. A fixed number of requests is under way at
    once; time-outs, connection errors, 429 and 5xx are tried again with
    growing, jittered pauses (``Retry-After`` is obeyed). A request that
    fails while the server lives is an error of its image; when the server is
    gone, limits the rate for longer than ``patience``, or nothing succeeds
    any more, the run stops with a message and a rerun goes on.

    Args:
        model (str): Name of the model on the server.
        base_url (str): The server, e.g. ``http://localhost:8000/v1``.
        api_key_env (str | None): Environment variable that holds the API
            key; None for servers that need none. Keys are read from the
            environment only and are never stored or logged.
        concurrency (int): Requests under way at once.
        max_new_tokens (int): Longest answer.
        timeout (float): Seconds for one request, all of it.
        max_attempts (int): How often a request is sent.
        backoff (float): Seconds of the first pause; doubles each time.
        patience (float): Seconds of rate limits for one request after which
            the run stops.
        max_bytes (int): Largest image file.
        max_tokens_key (str): ``'max_tokens'``, or
            ``'max_completion_tokens'`` for services that want it.
        extra (dict | None): More fields of the request.
        temperature (float): Of second tries, which are sampled.

    Examples:
        >>> lmm = OpenAICompatibleLMM('llava', 'http://localhost:8000/v1')
    """

    letters = True

    def __init__(
        self,
        model: str,
        base_url: str,
        api_key_env: str | None = None,
        concurrency: int = 8,
        max_new_tokens: int = 77,
        timeout: float = 120,
        max_attempts: int = 6,
        backoff: float = 1,
        patience: float = 600,
        max_bytes: int = 2_000_000,
        max_tokens_key: str = 'max_tokens',
        extra: dict | None = None,
        temperature: float = 0.7,
    ) -> None:
        if concurrency < 1 or max_new_tokens < 1 or max_attempts < 1:
            raise ValueError(
                'OpenAICompatibleLMM: concurrency, max_new_tokens and '
                'max_attempts must be at least 1'
            )
        self.model = model
        self.base_url = base_url
        self.api_key_env = api_key_env
        self.concurrency = concurrency
        self.max_new_tokens = max_new_tokens
        self.timeout = timeout
        self.max_attempts = max_attempts
        self.backoff = backoff
        self.patience = patience
        self.max_bytes = max_bytes
        self.max_tokens_key = max_tokens_key
        self.extra = dict(extra or {})
        self.temperature = temperature
        self._in_a_row = 0
        self._choices = ServerChoices(self)

    @property
    def name(self) -> str:
        """Name of the model on the server."""
        return self.model

    @property
    def params(self) -> dict:
        """What decides the texts; where the server is does not."""
        return {
            'max_new_tokens': self.max_new_tokens,
            'max_bytes': self.max_bytes,
            'extra': self.extra,
            'temperature': 0,
        }

    def check(self) -> None:
        """Send one small image.

        Raises:
            LMMUnavailableError: If the server does not answer it.
        """
        if find_spec('openai') is None:
            raise LMMUnavailableError(
                'OpenAICompatibleLMM needs openai: pip install mmlatte[lmm]'
            )
        read_key(self.api_key_env)
        request = LMMRequest(
            'check',
            'image',
            'Describe.',
            lambda: Image.new('RGB', (64, 64), 'gray'),
        )

        async def probe() -> Answer:
            async with self._client() as client:
                return await self._ask(client, request, None, attempts=1)

        answer = run(probe())
        if answer.error:
            raise LMMUnavailableError(self._gone(answer.error))

    def generate(
        self, requests: Iterable[LMMRequest], seed: int | None = None
    ) -> Iterator[list[Answer]]:
        """Answer requests concurrently; see :class:`BaseLMM`."""
        results: queue.Queue = queue.Queue()
        asking = Background(self._ask_all(iter(requests), seed, results))
        asking.thread.start()
        try:
            while True:
                batch = [get(results, asking)]
                while not results.empty():
                    batch.append(results.get())
                answers = [answer for answer in batch if answer is not None]
                if answers:
                    yield answers
                if batch[-1] is None:
                    break
        finally:
            asking.stop()
        if asking.error is not None:
            raise asking.error

    def choose(
        self, questions: Iterable[ClosedQuestion]
    ) -> Iterator[list[Choice]]:
        """Answer closed questions; see `ServerChoices`."""
        return self._choices.ask(questions)

    async def _ask_all(
        self,
        source: Iterator[LMMRequest],
        seed: int | None,
        results: queue.Queue,
    ) -> None:
        async def work() -> None:
            for request in source:
                results.put(await self._ask(client, request, seed))

        async with self._client() as client:
            workers = [
                asyncio.create_task(work()) for _ in range(self.concurrency)
            ]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _ask(
        self,
        client: Any,
        request: LMMRequest,
        seed: int | None,
        attempts: int | None = None,
    ) -> Answer:
        """Send a request until it is answered or given up."""
        try:
            content = await asyncio.to_thread(
                image_and_text, request.load, request.prompt, self.max_bytes
            )
        except ImageError as error:
            return Answer(request, error=f'image: {error}', final=True)
        import openai

        failures = (openai.APIError, asyncio.TimeoutError, ValueError)
        began = time.monotonic()
        tries = sent = 0
        while True:
            sent += 1
            try:
                response = await asyncio.wait_for(
                    client.chat.completions.create(
                        **self._body(content, seed, request.fields)
                    ),
                    self.timeout,
                )
                text = text_of(response)
            except failures as error:
                problem = plain_error(error, self.timeout, client.api_key)
                if is_hopeless(error):
                    raise LMMUnavailableError(self._gone(problem)) from None
                pause, counts = what_next(error)
                tries += counts
                if pause is None:
                    return self._given_up(request, problem, final=True)
                limited = not counts
                if limited and attempts is not None:
                    # A server that limits the rate is there.
                    return Answer(request)
                if limited and time.monotonic() - began > self.patience:
                    # A spent quota is never the image's fault.
                    problem = (
                        f'it limits the rate for more than '
                        f'{self.patience:g} s (patience): {problem}'
                    )
                    raise LMMUnavailableError(self._gone(problem)) from None
                if tries >= (attempts or self.max_attempts):
                    break
                grown = self.backoff * 2 ** min(sent - 1, 6)
                pause = pause or grown * random.uniform(0.5, 1)
                await asyncio.sleep(min(pause, self.patience))
            else:
                self._in_a_row = 0
                likely = first_tokens(response)
                return Answer(request, text, first_tokens=likely)
        if attempts is None and not await is_alive(client, self.timeout):
            raise LMMUnavailableError(self._gone(problem))
        return self._given_up(request, problem, final=attempts is None)

    def _given_up(
        self, request: LMMRequest, problem: str, final: bool
    ) -> Answer:
        self._in_a_row += 1
        if self._in_a_row >= MAX_FAILURES_IN_A_ROW:
            raise LMMUnavailableError(
                self._gone(
                    f'{self._in_a_row} requests in a row failed, the last '
                    f'one with: {problem}'
                )
            )
        return Answer(request, error=problem, final=final)

    def _body(self, content: list, seed: int | None, fields: Mapping) -> dict:
        return {
            'model': self.model,
            'messages': [{'role': 'user', 'content': content}],
            self.max_tokens_key: self.max_new_tokens,
            'temperature': 0 if seed is None else self.temperature,
            'seed': seed or 0,
            'extra_body': self.extra,
            **fields,
        }

    def _client(self) -> Any:
        import openai

        return openai.AsyncOpenAI(
            base_url=self.base_url,
            api_key=read_key(self.api_key_env),
            max_retries=0,
            timeout=self.timeout,
        )

    def _gone(self, problem: str) -> str:
        return gone_message(self.base_url, self.model, problem)
