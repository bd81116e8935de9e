"""Any server that speaks the OpenAI protocol."""

import asyncio
import queue
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from typing import Any

from PIL import Image, ImageDraw

from mmlatte.lmm.picture import PictureOptions, fit_picture
from mmlatte.registry import LMMS

from .base_lmm import (
    Answer,
    BaseLMM,
    LMMRequest,
    LMMUnavailableError,
    QuestionTokens,
)
from .choices.choice import Choice
from .choices.closed_question import ClosedQuestion
from .choices.server_choices import ServerChoices
from .data_url import image_and_text
from .load_image import ImageError
from .server.background import Background, get, run
from .server.openai_replies import NoTextError
from .server.request_body import RequestBody
from .server.sender import GivenUpError, Reply, Sender

__all__ = ['OpenAICompatibleLMM']


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
            key; None takes that of ``MMLATTE_API_KEY``, for OpenAI itself
            of ``OPENAI_API_KEY``, if there is one. Keys are read from the
            environment only and are never stored or logged.
        concurrency (int): Requests under way at once.
        max_new_tokens (int): Longest answer.
        timeout (float): Seconds for one request, all of it.
        max_attempts (int): How often a request is sent.
        backoff (float): Seconds of the first pause; doubles each time.
        patience (float): Seconds of rate limits for one request after which
            the run stops.
        max_bytes (int): Largest image file.
        max_tokens_key (str): ``'max_tokens'`` or
            ``'max_completion_tokens'``; the other one is tried where a
            server refuses it.
        extra (dict | None): More fields of the request.
        temperature (float): Of second tries, which are sampled.
        picture (dict | None): How large images are sent, see
            :class:`mmlatte.lmm.PictureOptions`; crops are up to the server.

    Examples:
        >>> lmm = OpenAICompatibleLMM(
        ...     'llava-hf/llava-v1.6-mistral-7b-hf',
        ...     base_url='http://localhost:8000/v1',
        ... )
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
        picture: dict | None = None,
    ) -> None:
        if concurrency < 1 or max_new_tokens < 1 or max_attempts < 1:
            raise ValueError(
                'OpenAICompatibleLMM: concurrency, max_new_tokens and '
                'max_attempts must be at least 1'
            )
        self.model = model
        self.concurrency = concurrency
        self.max_new_tokens = max_new_tokens
        self.max_bytes = max_bytes
        self.extra = dict(extra or {})
        self.temperature = temperature
        self.picture = PictureOptions(**(picture or {})).without_split(
            'OpenAICompatibleLMM',
            'the server (vLLM: lmm.extra=dict(mm_processor_kwargs=...))',
        )
        self._choices = ServerChoices(self)
        self._sender = Sender(
            base_url,
            api_key_env,
            RequestBody(model, max_tokens_key, self.extra),
            timeout,
            max_attempts,
            backoff,
            patience,
        )

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
            'picture': asdict(self.picture),
            'temperature': 0,
        }

    def check(self) -> None:
        """Send one small image and look at the text.

        Raises:
            LMMUnavailableError: If the server does not answer it, or there
                is no text in its answer.
        """
        if find_spec('openai') is None:
            raise LMMUnavailableError(
                'OpenAICompatibleLMM needs openai: pip install mmlatte[lmm]'
            )
        request = LMMRequest('check', 'image', 'Describe.', _disk)
        self._probe(request)

    def _probe(self, request: LMMRequest) -> Reply:
        """Send a request once.

        Raises:
            LMMUnavailableError: If there is no answer, or none with a text.
        """

        async def send() -> Reply:
            async with self._sender.client() as client:
                return await self._send(client, request, None, probe=True)

        try:
            return run(send())
        except NoTextError as error:
            raise LMMUnavailableError(
                f'OpenAICompatibleLMM: {self.model!r} at '
                f'{self._sender.base_url} writes no text: {error}'
            ) from None
        except GivenUpError as error:
            raise LMMUnavailableError(self._sender.gone(f'{error}')) from None

    def question_tokens(
        self, image: Image.Image, prompt: str
    ) -> QuestionTokens | None:
        """Return the tokens that the server counts, if it says how many.

        Raises:
            LMMUnavailableError: If the server does not answer.
        """
        request = LMMRequest('tokens', 'image', prompt, lambda: image)
        count = self._probe(request).prompt_tokens
        return None if count is None else QuestionTokens(None, count)

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
                ended = batch[-1] is None
                answers = [answer for answer in batch if answer is not None]
                if answers:
                    yield answers
                if ended:
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

        async with self._sender.client() as client:
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
        self, client: Any, request: LMMRequest, seed: int | None
    ) -> Answer:
        """Send a request until it is answered or given up."""
        try:
            reply = await self._send(client, request, seed)
        except ImageError as error:
            return Answer(request, error=f'image: {error}', final=True)
        except NoTextError as error:
            return Answer(request, error=str(error))
        except GivenUpError as error:
            return Answer(request, error=str(error), final=error.final)
        return Answer(request, reply.text, first_tokens=reply.first_tokens)

    async def _send(
        self,
        client: Any,
        request: LMMRequest,
        seed: int | None,
        probe: bool = False,
    ) -> Reply:
        return await self._sender.send(
            client,
            await asyncio.to_thread(self._content, request),
            self.max_new_tokens,
            0 if seed is None else self.temperature,
            seed or 0,
            request.fields,
            probe,
        )

    def _content(self, request: LMMRequest) -> list[dict]:
        return image_and_text(
            fit_picture(request.load(), self.picture),
            request.prompt,
            self.max_bytes,
        )


def _disk() -> Image.Image:
    """A picture that every LMM has something to say about."""
    image = Image.new('RGB', (64, 64), 'gray')
    ImageDraw.Draw(image).ellipse((16, 16, 48, 48), 'red')
    return image
