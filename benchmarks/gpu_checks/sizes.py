"""How large the checks are on a device, and the models that they train."""

import atexit
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import open_clip
import torch
from safetensors.torch import save_file
from train_step_worker import TEMPLATE, Batch, _samples

TINY_TEXT = dict(
    context_length=77, vocab_size=49408, width=32, heads=2, layers=2
)
TINY_VIT = dict(image_size=32, layers=2, width=32, head_width=16, patch_size=8)
TINY_RESNET = dict(
    image_size=32, layers=[1, 1, 1, 1], width=8, patch_size=None
)


@dataclass
class Size:
    """Sizes of all checks.

    Args:
        device (str): ``'cuda'`` or ``'cpu'``.
        vit (str | dict): open_clip model, or its image tower's config.
        cnn (str | dict): The same with convolutions.
        batch (int): Images of a training step.
        large (int): Images of the step whose throughput counts.
        steps (int): Steps of a loss curve.
        images (int): Images of the feature pass.
        workers (int): Processes that decode them.
        graph (int): Images of a fit.
    """

    device: str
    vit: str | dict
    cnn: str | dict
    batch: int
    large: int
    steps: int
    images: int
    workers: int
    graph: int


SIZES = {
    'cuda': Size('cuda', 'ViT-B-32', 'RN50', 128, 512, 60, 6000, 8, 20_000),
    'cpu': Size('cpu', TINY_VIT, TINY_RESNET, 16, 32, 30, 96, 0, 400),
}


def clip_config(model: str | dict, **settings) -> dict:
    """Return the config of a CLIP with random weights."""
    if isinstance(model, dict):
        model = f'local-dir:{_folder(model)}'
    return dict(type='mmlatte.OpenCLIP', model_name=model, **settings)


def _folder(vision: dict) -> Path:
    """Write a CLIP with random weights, as open_clip keeps them."""
    folder = Path(tempfile.mkdtemp(prefix='gpu_check_'))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    model = dict(embed_dim=32, vision_cfg=vision, text_cfg=TINY_TEXT)
    config = dict(
        model_cfg=model,
        preprocess_cfg=dict(
            mean=[0.5] * 3,
            std=[0.5] * 3,
            interpolation='bicubic',
            resize_mode='shortest',
        ),
    )
    (folder / 'open_clip_config.json').write_text(json.dumps(config))
    torch.manual_seed(0)
    state = open_clip.CLIP(**model).state_dict()
    state = {name: value.contiguous() for name, value in state.items()}
    save_file(state, str(folder / 'open_clip_model.safetensors'))
    return folder


def build_training(size: Size, count: int, dtype: str = 'float32', **clip):
    """Return a LatteCLIP, its optimizer and a batch that it can learn.

    Args:
        size (Size): Names the CLIP.
        count (int): Images of the batch.
        dtype (str): Of the forward pass.
        **clip: Settings of the CLIP.
    """
    import mmlatte.engine  # noqa: F401
    from mmlatte.engine import AutocastOptimWrapper
    from mmlatte.registry import MODELS

    torch.manual_seed(0)
    batch = Batch.make(count, 10, 20, 0.35)
    model = MODELS.build(
        dict(
            type='mmlatte.LatteCLIPClassifier',
            clip=clip_config(size.vit, **clip),
            class_names=batch.class_names,
            templates=TEMPLATE,
            data_preprocessor=dict(
                mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True
            ),
        )
    ).to(size.device)
    model.init_weights()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-4)
    wrapper = AutocastOptimWrapper(dtype, optimizer=optimizer)
    samples = _samples(batch, model.clip)
    data = dict(
        inputs=torch.stack([sample['inputs'] for sample in samples]),
        data_samples=[sample['data_samples'] for sample in samples],
    )
    data['inputs'] = data['inputs'].to(size.device)
    return model, wrapper, data


def seconds(work: Callable[[], object], device: str) -> float:
    """Return how long it takes, with all that the device still does."""
    finish(device)
    start = time.perf_counter()
    work()
    finish(device)
    return time.perf_counter() - start


def finish(device: str) -> None:
    """Wait for the device."""
    if device == 'cuda':
        torch.cuda.synchronize()
