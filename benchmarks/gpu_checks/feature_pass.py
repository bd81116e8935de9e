"""The frozen pass against a bare loop of open_clip over the same files."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import open_clip
import torch
from PIL import Image
from torch.utils.data import DataLoader

from .sizes import Size, clip_config, finish

GOAL = 0.9
BATCH = 64


class _Files(torch.utils.data.Dataset):
    def __init__(self, paths: list[Path], transform) -> None:
        self.paths, self.transform = paths, transform

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> torch.Tensor:
        with Image.open(self.paths[index]) as image:
            return self.transform(image.convert('RGB'))


def feature_pass(size: Size) -> Iterator[tuple[str, str]]:
    """Encode all images both ways, each from its first import on."""
    from mmlatte.datasets.clip_pipeline import (
        clip_data_preprocessor,
        clip_eval_pipeline,
    )
    from mmlatte.engine.frozen import FrozenPass
    from mmlatte.registry import DATASETS, MODELS

    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / 'images'
        paths = _write(images, size.images)
        clip = MODELS.build(clip_config(size.vit)).to(size.device).eval()
        model = MODELS.build(
            dict(
                type='mmlatte.ZeroShotCLIP',
                clip=clip_config(size.vit),
                class_names=['one', 'two'],
                templates='a photo of a {}.',
                data_preprocessor=clip_data_preprocessor(clip.preprocess),
            )
        ).to(size.device)
        model.clip.load_state_dict(clip.state_dict())
        dataset = DATASETS.build(
            dict(
                type='mmlatte.UnlabeledFolder',
                data_root=str(images),
                classes=['one', 'two'],
                pipeline=[],
            )
        )
        frozen = FrozenPass(
            Path(folder) / 'cache',
            clip_eval_pipeline(clip.image_size, clip.preprocess),
            batch_size=BATCH,
            num_workers=size.workers,
        )
        transform = open_clip.image_transform(
            clip.image_size, is_train=False, **_known(clip.preprocess)
        )
        _bare(clip, paths[:BATCH], transform, size)  # what is set up once
        start = time.perf_counter()
        expected = _bare(clip, paths, transform, size)
        bare = time.perf_counter() - start
        start = time.perf_counter()
        fingerprint = model.clip.fingerprint()
        found = frozen.features(model, dataset, fingerprint)
        finish(size.device)
        ours = time.perf_counter() - start
        difference = np.abs(np.sort(found, 0) - np.sort(expected, 0)).max()
    rates = size.images / ours, size.images / bare
    text = (
        f'{rates[0]:.0f} images/s, bare loop {rates[1]:.0f}: '
        f'{bare / ours:.2f} (goal {GOAL}); features differ by '
        f'{difference:.1e}'
    )
    slow = size.device == 'cuda' and bare / ours < GOAL
    wrong = difference > (5e-3 if size.device == 'cuda' else 1e-5)
    what = f'frozen features of {size.images:,} files'
    yield what, f'failed: {text}' if slow or wrong else text


def _known(preprocess: dict) -> dict:
    names = ('mean', 'std', 'interpolation', 'resize_mode')
    return {name: preprocess[name] for name in names}


def _bare(clip, paths: list[Path], transform, size: Size) -> np.ndarray:
    loader = DataLoader(
        _Files(paths, transform),
        batch_size=BATCH,
        num_workers=size.workers,
        pin_memory=size.device == 'cuda',
    )
    with torch.inference_mode():
        features = [
            clip.visual(images.to(size.device, non_blocking=True))
            for images in loader
        ]
        rows = torch.nn.functional.normalize(torch.cat(features), dim=1)
        return rows.float().cpu().numpy()


def _write(folder: Path, count: int) -> list[Path]:
    """Write JPEGs of 300 x 260 with some structure in them."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = [folder / f'{number:05d}.jpg' for number in range(count)]
    for path in paths:
        coarse = rng.integers(0, 256, (13, 15, 3), np.uint8)
        Image.fromarray(coarse).resize((300, 260)).save(path, quality=90)
    return paths
