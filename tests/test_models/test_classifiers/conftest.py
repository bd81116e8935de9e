"""Features without images, for methods that fit them."""

import numpy as np
import pytest
import torch

from mmlatte.fits import FrozenFeatures


@pytest.fixture(scope='session')
def make_frozen():
    """Return a function that draws frozen features around class texts."""

    def make(n=60, classes=3, width=16, seed=0, spread=0.3):
        rng = np.random.default_rng(seed)

        def unit(x):
            x = x / np.linalg.norm(x, axis=1, keepdims=True)
            return x.astype(np.float32)

        texts = unit(rng.normal(size=(classes, width)))
        truth = rng.integers(classes, size=n)
        noise = spread * rng.normal(size=(n, width))
        # Images lie beside the texts: the modality gap.
        features = unit(texts[truth] + noise + 0.5 * rng.normal(size=width))
        cosines = features @ texts.T
        frozen = FrozenFeatures(
            features=features,
            labels=cosines.argmax(axis=1),
            scores=cosines.max(axis=1),
            class_features=texts,
            scale=1 / 0.07,  # that of the tiny CLIP
        )
        return frozen, truth

    return make


@pytest.fixture(scope='session')
def tiny_model(tiny_clip_dir):
    """Return a function that builds a classifier whose texts are given."""

    def build(kind, texts, **kwargs):
        clip = dict(
            type='mmlatte.OpenCLIP', model_name=f'local-dir:{tiny_clip_dir}'
        )
        names = [f'class {c}' for c in range(len(texts))]
        model = kind(clip, names, **kwargs).eval()
        model.encode_classes = lambda: torch.from_numpy(texts)
        model.extract_feat = lambda inputs, stage=None: inputs
        model.init_weights()
        return model

    return build
