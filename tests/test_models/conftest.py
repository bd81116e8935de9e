"""What the tests of methods without LMM texts share."""

from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures

CLASSES = ['forest', 'river', 'highway or road', 'sea or lake', 'pasture']


def _samples(ids) -> list[DataSample]:
    return [DataSample(metainfo=dict(sample_idx=int(i))) for i in ids]


def _frozen(labels, width: int = 16, classes: int = 5) -> FrozenFeatures:
    """Random unit features with given zero-shot labels."""
    rng = np.random.default_rng(5)
    features = rng.normal(size=(len(labels), width)).astype(np.float32)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    texts = rng.normal(size=(classes, width)).astype(np.float32)
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    return FrozenFeatures(
        features=features,
        labels=np.asarray(labels, np.int64),
        scores=rng.uniform(0.1, 0.3, len(labels)).astype(np.float32),
        class_features=texts,
    )


@torch.no_grad()
def _spread(clip, images: Tensor) -> None:
    """Centre the features of a random tower, which are all alike."""
    seen = []
    norm = clip.visual.ln_post
    handle = norm.register_forward_hook(lambda *args: seen.append(args[2]))
    clip.visual(images)
    handle.remove()
    norm.bias -= seen[0][:, 0].mean(dim=0)


@pytest.fixture(scope='session')
def toy(tiny_clip_dir) -> SimpleNamespace:
    """A tiny classifier of five classes in double precision, and its data.

    ``model(cls, **kwargs)`` builds a method, ``clip()`` the same CLIP as
    open_clip itself makes it, for references that know nothing of mmlatte;
    ``images(n)`` are (n, 3, 32, 32).
    """
    name = f'local-dir:{tiny_clip_dir}'

    def model(cls, tuning: str | None = None, tower='visual', **kwargs):
        torch.manual_seed(1)
        clip = dict(type='mmlatte.OpenCLIP', model_name=name)
        if tuning:
            clip['tuning'] = dict(
                type=f'mmlatte.{tuning}', tower=tower, logit_scale=False
            )
        kwargs = {'class_names': CLASSES, 'clip': clip, **kwargs}
        built = cls(**kwargs).double()
        _spread(built.clip, images(16, seed=99))
        built.init_weights()
        return built.train()

    def clip():
        built = open_clip.create_model(name, force_custom_text=True).double()
        _spread(built, images(16, seed=99))
        return built.train()

    def images(count: int, seed: int = 2) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        patches = torch.randn(
            count, 3, 4, 4, generator=generator, dtype=torch.float64
        )
        # Coarse and strong, so that features differ.
        return 4 * patches.repeat_interleave(8, 2).repeat_interleave(8, 3)

    return SimpleNamespace(
        model=model,
        clip=clip,
        images=images,
        samples=_samples,
        frozen=_frozen,
        classes=CLASSES,
        tokenizer=open_clip.get_tokenizer(name),
    )
