"""An LMM whose answers a test decides, and texts that a test wants."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmlatte.lmm import (
    Answer,
    BaseLMM,
    LMMRequest,
    TextStore,
    TransformersLMM,
    WantedTexts,
    load_image,
)
from mmlatte.sample_key import sample_keys


class RuleLMM(BaseLMM):
    """Answers by a rule; remembers what it was asked."""

    name = 'rule'
    params = {'rule': 1}

    def __init__(self, rule: Callable[[LMMRequest, int | None], str]) -> None:
        self.rule = rule
        self.asked: list[tuple[str, str]] = []

    def check(self) -> None:
        """Always ready."""

    def generate(
        self, requests: Iterable[LMMRequest], seed: int | None = None
    ) -> Iterator[list[Answer]]:
        for request in requests:
            self.asked.append((request.kind, request.sample_id))
            yield [Answer(request, self.rule(request, seed))]


@pytest.fixture
def rule_lmm():
    return RuleLMM


@pytest.fixture
def store(tmp_path) -> TextStore:
    return TextStore(tmp_path / 'store')


class ListedSamples:
    """Samples in the order of a list."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)

    def names(self, start: int, stop: int) -> list[str]:
        return self._names[start:stop]

    def keys(self, start: int, stop: int) -> np.ndarray:
        return sample_keys(name.encode() for name in self._names[start:stop])


@pytest.fixture
def want():
    """Factory of `WantedTexts` on plain colours, or on files."""

    def make(count: int = 10, files: list[Path] | None = None, **options):
        paths = files or []
        count = len(paths) or count
        defaults: dict = dict(
            samples=ListedSamples(f'{i}.jpg' for i in range(count)),
            images=np.arange(count, dtype=np.uint64) << np.uint64(8),
            load=lambda i: Image.new('RGB', (16, 16), (i, 0, 0)),
            labels=np.arange(count) % 2,
            class_names=['forest', 'river'],
            image_prompts=['Describe.'],
            group_prompt='Describe all.',
        )
        if paths:
            defaults['samples'] = ListedSamples(path.name for path in paths)
            defaults['load'] = lambda i: load_image(paths[i])
        return WantedTexts(**{**defaults, **options})

    return make


@pytest.fixture(scope='session')
def llava(assets) -> TransformersLMM:
    """The small real LLaVA."""
    return TransformersLMM(
        str(assets / 'models' / 'tiny-llava-rsicd'),
        batch_size=16,
        dtype='float32',
        device='cpu',
    )


@pytest.fixture(scope='session')
def eurosat_images(eurosat_root) -> list[Path]:
    """A few real images of each class."""
    folders = sorted((eurosat_root / '2750').iterdir())
    return [path for f in folders for path in sorted(f.iterdir())[:5]]
