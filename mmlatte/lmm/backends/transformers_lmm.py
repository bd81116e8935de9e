"""Any image-text model of transformers, in this process."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from mmlatte.lmm.picture import PictureOptions, View
from mmlatte.lmm.picture_processor import PictureProcessor
from mmlatte.registry import LMMS

from .base_lmm import (
    Answer,
    BaseLMM,
    LMMRequest,
    QuestionTokens,
)
from .choices.choice import Choice
from .choices.closed_question import ClosedQuestion
from .choices.likelihood_choices import LikelihoodChoices
from .image_windows import image_windows, split_readable
from .model_folder import folder_identity
from .transformers_model import (
    check_model,
    halved,
    load_model,
    load_processor,
)

__all__ = ['TransformersLMM']

#: A question and the picture it is about.
Asked = tuple[LMMRequest, Image.Image]


@LMMS.register_module()
class TransformersLMM(BaseLMM):
    """Batched greedy generation with ``AutoModelForImageTextToText``.

    LLaVA-1.5/1.6, Qwen-VL, InternVL, SmolVLM and whatever else transformers
    knows, from a folder or the Hugging Face hub. A batch is one processor
    call and one ``generate``, left-padded; images are decoded in background
    threads meanwhile. When a batch does not fit into memory, it is halved.

    Args:
        model (str): Folder or hub name.
        batch_size (int): Requests per batch.
        max_new_tokens (int): Longest answer.
        dtype (str): ``'auto'``, ``'float32'``, ``'bfloat16'`` or
            ``'float16'``.
        device (str | None): Device; None takes CUDA where it is.
        load_in_4bit (bool): Quantise with bitsandbytes; needs CUDA.
        revision (str | None): Revision on the hub.
        trust_remote_code (bool): Whether the model's own code may run.
        num_workers (int): Threads that decode images.
        temperature (float): Of second tries, which are sampled.
        picture (dict | None): How images are shown, see
            :class:`mmlatte.lmm.PictureOptions`.
        processor (dict | None): Settings of the model's processor in place
            of its own, such as ``dict(max_pixels=500_000)`` of Qwen-VL.

    Examples:
        With the model's weights at hand::

            lmm = TransformersLMM('llava-hf/llava-v1.6-mistral-7b-hf')
            request = LMMRequest('1.jpg', 'image', 'Describe.', load)
            [[answer]] = lmm.generate([request])
    """

    def __init__(
        self,
        model: str,
        batch_size: int = 8,
        max_new_tokens: int = 77,
        dtype: str = 'auto',
        device: str | None = None,
        load_in_4bit: bool = False,
        revision: str | None = None,
        trust_remote_code: bool = False,
        num_workers: int = 4,
        temperature: float = 0.7,
        picture: dict | None = None,
        processor: dict | None = None,
    ) -> None:
        if batch_size < 1 or max_new_tokens < 1 or num_workers < 1:
            raise ValueError(
                'TransformersLMM: batch_size, max_new_tokens and num_workers '
                'must be at least 1'
            )
        dtypes = ('auto', 'float32', 'bfloat16', 'float16')
        if dtype not in dtypes:
            raise ValueError(f'TransformersLMM: dtype={dtype!r}: {dtypes}')
        self.model = str(model)
        self.batch_size = batch_size
        self.max_new_tokens = max_new_tokens
        self.dtype = dtype
        self.device = device or (
            'cuda' if torch.cuda.is_available() else 'cpu'
        )
        self.load_in_4bit = load_in_4bit
        self.revision = revision
        self.trust_remote_code = trust_remote_code
        self.num_workers = num_workers
        self.temperature = temperature
        self.picture = PictureOptions(**(picture or {}))
        self.processor = dict(processor or {})
        self._choices = LikelihoodChoices()
        self._identity: str | None = None
        self._config: Any = None
        self._model: Any = None
        self._pictures: PictureProcessor | None = None

    @property
    def name(self) -> str:
        """Folder's name, or the name on the hub."""
        return Path(self.model).name if self._is_folder else self.model

    @property
    def params(self) -> dict:
        """What decides the texts, the weights' identity included."""
        if self._identity is None:
            self._identity = (
                folder_identity(Path(self.model)) if self._is_folder else ''
            )
        return {
            'weights': self._identity,
            'revision': self.revision or '',
            'max_new_tokens': self.max_new_tokens,
            'dtype': self.dtype,
            '4bit': 'nf4' if self.load_in_4bit else False,
            'do_sample': False,
            'picture': asdict(self.picture),
            'processor': self.processor,
        }

    @property
    def _is_folder(self) -> bool:
        return Path(self.model).is_dir()

    @property
    def _source(self) -> dict:
        return {
            'revision': self.revision or 'main',
            'trust_remote_code': self.trust_remote_code,
        }

    def check(self) -> None:
        """See whether the model is there and takes images.

        Raises:
            LMMUnavailableError: If it cannot be had, is no image-text model,
                4-bit weights were asked for where they cannot run, or its
                processor lacks a package or a setting.
        """
        if self._pictures is not None:
            return
        self._config = check_model(self.model, self._source, self.load_in_4bit)
        processor = load_processor(
            self.model, self._source, self.processor, self._config
        )
        self._pictures = PictureProcessor(
            processor, self.picture, self.processor
        )

    def question_tokens(
        self, image: Image.Image, prompt: str
    ) -> QuestionTokens:
        """Count the tokens of a question; loads no weights."""
        self.check()
        assert self._pictures is not None
        return self._pictures.count(image, prompt, self._config)

    def generate(
        self, requests: Iterable[LMMRequest], seed: int | None = None
    ) -> Iterator[list[Answer]]:
        """Answer requests batch by batch; see :class:`BaseLMM`."""
        self._load()
        with ThreadPoolExecutor(self.num_workers) as pool:
            for window in image_windows(requests, pool, 2 * self.batch_size):
                good, bad = split_readable(window)
                if bad:
                    yield bad
                assert self._pictures is not None
                for view, asked in self._pictures.by_view(good).items():
                    # Alike sizes and prompts need the least padding.
                    asked.sort(key=lambda p: (p[1].size, len(p[0].prompt)))
                    yield from self._answer_all(asked, view, seed)

    def _answer_all(
        self, asked: list[Asked], view: View, seed: int | None
    ) -> Iterator[list[Answer]]:
        """Answer questions of one view, batch by batch."""
        position = 0
        while position < len(asked):
            batch = asked[position : position + self.batch_size]
            try:
                yield self._answer(batch, view, seed)
            except (torch.OutOfMemoryError, MemoryError) as error:
                self.batch_size = halved(
                    len(batch), 'images', self.device, error
                )
                continue
            position += len(batch)

    @torch.inference_mode()
    def _answer(
        self, batch: list[Asked], view: View, seed: int | None
    ) -> list[Answer]:
        """One processor call and one generation for a batch."""
        pictures = [picture for _, picture in batch]
        prompts = [request.prompt for request, _ in batch]
        assert self._pictures is not None
        inputs = self._pictures.inputs_for(
            self._model, pictures, prompts, view
        )
        options: dict = {'do_sample': False, 'num_beams': 1}
        if seed is not None:
            options = {'do_sample': True, 'temperature': self.temperature}
        # Training's random numbers must not depend on second tries.
        with torch.random.fork_rng(enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            output = self._model.generate(
                **inputs, max_new_tokens=self.max_new_tokens, **options
            )
        new = output[:, inputs['input_ids'].shape[1] :]
        decode = self._pictures.processor.batch_decode
        texts = decode(new, skip_special_tokens=True)
        return [
            Answer(request, text)
            for (request, _), text in zip(batch, texts, strict=True)
        ]

    def choose(
        self, questions: Iterable[ClosedQuestion]
    ) -> Iterator[list[Choice]]:
        """Take the likeliest name as the answer; see `LikelihoodChoices`."""
        self._load()
        assert self._pictures is not None
        with ThreadPoolExecutor(self.num_workers) as pool:
            for window in image_windows(questions, pool, 2):
                yield from self._choices.ask(
                    window, self._model, self._pictures
                )

    def _load(self) -> None:
        if self._model is None:
            self.check()
            self._model = load_model(
                self.model,
                self._source,
                self.dtype,
                self.device,
                self.load_in_4bit,
            )

    def close(self) -> None:
        """Free the model's memory."""
        self._model = self._pictures = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
