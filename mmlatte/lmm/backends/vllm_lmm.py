"""vLLM inside this process, for large jobs on GPUs."""

import gc
import itertools
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_world_size

from mmlatte.lmm.picture import PictureOptions, fit_picture
from mmlatte.registry import LMMS

from .base_lmm import Answer, BaseLMM, LMMRequest, LMMUnavailableError
from .data_url import to_data_url
from .load_image import ImageError
from .model_folder import folder_identity

__all__ = ['VLLMLMM']


@LMMS.register_module()
class VLLMLMM(BaseLMM):
    """Offline generation with ``vllm.LLM.chat``.

    vLLM pins its own torch and transformers: install it into an environment
    of its own, together with mmlatte, and make the texts there with
    ``tools/synthesize_texts.py``; training elsewhere finds them in the
    store. Where that is not possible, start ``vllm serve`` and use
    ``OpenAICompatibleLMM``.

    Args:
        model (str): Folder or hub name.
        max_new_tokens (int): Longest answer.
        batch_size (int): Requests handed to vLLM at once.
        max_bytes (int): Largest image file.
        num_workers (int): Threads that decode images.
        temperature (float): Of second tries, which are sampled.
        engine (dict | None): More arguments of ``vllm.LLM``.
        picture (dict | None): How large images are, see
            :class:`mmlatte.lmm.PictureOptions`.
    """

    def __init__(
        self,
        model: str,
        max_new_tokens: int = 77,
        batch_size: int = 256,
        max_bytes: int = 2_000_000,
        num_workers: int = 8,
        temperature: float = 0.7,
        engine: dict | None = None,
        picture: dict | None = None,
    ) -> None:
        self.model = str(model)
        self.max_new_tokens = max_new_tokens
        self.batch_size = batch_size
        self.max_bytes = max_bytes
        self.num_workers = num_workers
        self.temperature = temperature
        self.engine = dict(engine or {})
        self.picture = PictureOptions(**(picture or {})).without_split(
            'VLLMLMM', 'lmm.engine=dict(mm_processor_kwargs=...)'
        )
        self._llm: Any = None

    @property
    def name(self) -> str:
        """Folder's name, or the name on the hub."""
        folder = Path(self.model)
        return folder.name if folder.is_dir() else self.model

    @property
    def params(self) -> dict:
        """What decides the texts, the weights' identity included."""
        folder = Path(self.model)
        return {
            'weights': folder_identity(folder) if folder.is_dir() else '',
            'max_new_tokens': self.max_new_tokens,
            'max_bytes': self.max_bytes,
            'engine': {k: str(v) for k, v in self.engine.items()},
            'picture': asdict(self.picture),
            'temperature': 0,
        }

    def check(self) -> None:
        """See whether vLLM is installed, and this is the only rank.

        Raises:
            LMMUnavailableError: If it is not.
        """
        if get_world_size() > 1:
            raise LMMUnavailableError(
                'VLLMLMM starts processes of its own, which several ranks '
                'would all put on the first GPU: make the texts first with '
                'tools/synthesize_texts.py --num-shards, one process per GPU '
                '(CUDA_VISIBLE_DEVICES), or use a server'
            )
        if find_spec('vllm') is None:
            raise LMMUnavailableError(
                'VLLMLMM needs vllm, in an environment of its own (it pins '
                'its torch): pip install vllm mmlatte. Or start "vllm serve '
                f'{self.model}" anywhere and use mmlatte.OpenAICompatibleLMM.'
            )

    def generate(
        self, requests: Iterable[LMMRequest], seed: int | None = None
    ) -> Iterator[list[Answer]]:
        """Answer requests batch by batch; see :class:`BaseLMM`."""
        self.check()
        from vllm import LLM, SamplingParams

        if self._llm is None:
            self._llm = LLM(model=self.model, **self.engine)
        sampling = SamplingParams(
            max_tokens=self.max_new_tokens,
            temperature=0 if seed is None else self.temperature,
            seed=seed,
        )
        source = iter(requests)
        with ThreadPoolExecutor(self.num_workers) as pool:
            while batch := list(itertools.islice(source, self.batch_size)):
                chats, asked, answers = [], [], []
                urls = [pool.submit(self._url, request) for request in batch]
                for request, url in zip(batch, urls, strict=True):
                    try:
                        chats.append(_chat(request.prompt, url.result()))
                        asked.append(request)
                    except ImageError as error:
                        reason = f'image: {error}'
                        answers.append(
                            Answer(request, error=reason, final=True)
                        )
                outputs = self._llm.chat(chats, sampling, use_tqdm=False)
                for request, output in zip(asked, outputs, strict=True):
                    answers.append(Answer(request, output.outputs[0].text))
                yield answers

    def _url(self, request: LMMRequest) -> str:
        picture = fit_picture(request.load(), self.picture)
        return to_data_url(picture, self.max_bytes)

    def close(self) -> None:
        """Free the engine, and the GPU for what follows."""
        if self._llm is None:
            return
        engine = getattr(self._llm, 'llm_engine', None)
        core: Any = getattr(engine, 'engine_core', None)
        if hasattr(core, 'shutdown'):  # ends the processes of the engine
            core.shutdown()
        self._llm = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _chat(prompt: str, url: str) -> list[dict]:
    content = [
        {'type': 'image_url', 'image_url': {'url': url}},
        {'type': 'text', 'text': prompt},
    ]
    return [{'role': 'user', 'content': content}]
