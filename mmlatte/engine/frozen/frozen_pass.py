import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from mmengine.dist import (
    broadcast_object_list,
    get_rank,
    get_world_size,
    is_main_process,
)
from mmengine.logging import print_log
from torch.utils.data import DataLoader, Dataset

from mmlatte.atomic_file import atomic_file
from mmlatte.engine.checkpoints.random_state import preserved_random_state
from mmlatte.progress import Progress

from .feature_cache import FeatureCache
from .features_key import features_folder, features_key
from .frozen_view import (
    FrozenView,
    collate_frozen,
    encode_frozen,
    split_indices,
)
from .image_keys import shared_image_keys
from .labels_fingerprint import labels_fingerprint
from .pair_cache import PairCache
from .wait_for import wait_for
from .zero_shot_labels import ZeroShotLabels

__all__ = ['FrozenPass', 'UnreadableImagesError']

#: Unreadable images named in the error; all of them are in a file.
MAX_LISTED = 100
NOT_FINITE = 'CLIP gives it features that are no numbers (NaN or infinite)'


class UnreadableImagesError(RuntimeError):
    """Images cannot be read; the message lists them."""


@dataclass
class FrozenPass:
    """The pass of a frozen CLIP over all images of a data set, once ever.

    Image features are computed once per CLIP, preprocessing and contents of
    an image, in float32, and kept in ``cache_dir``; ranks share the work by
    chunks, a killed run goes on where it stopped, and a second run computes
    those of changed and new images only. Labels are the nearest class text,
    kept beside the features; class names and templates may change without
    new features.

    Args:
        cache_dir (str | Path): Folder of the features, shared by all ranks.
        pipeline (Sequence[dict], optional): Prepares the images (no
            augmentation); to be set before the pass.
        batch_size (int): Images per forward pass. Defaults to 64.
        num_workers (int): Loading processes per rank. Defaults to 2.
        chunk_size (int): Images per file while computing. Defaults to 1024.
    """

    #: What it makes, for the log.
    name: ClassVar[str] = 'frozen features'

    cache_dir: str | Path
    pipeline: Sequence[dict] | None = None
    batch_size: int = 64
    num_workers: int = 2
    chunk_size: int = 1024

    def __call__(self, model, dataset: Dataset) -> ZeroShotLabels:
        """Encode all images with a classifier as it is.

        Args:
            model (PrototypeClassifier): On its device; its mode is kept.
            dataset (Dataset): With a pipeline of its own, which is not used.

        Raises:
            UnreadableImagesError: Lists all images that cannot be read.
        """
        clip = model.clip.fingerprint()
        with self._looking(model):
            cache = self._complete(model, dataset, clip)
            return ZeroShotLabels.find(
                cache.data,
                cache.open(),
                model,
                self.chunk_size,
                images=cache.images,
                scale=model.clip.scale.item(),
                clip=clip,
                labels_from=labels_fingerprint(
                    clip,
                    model.class_names,
                    model.templates,
                    model.descriptions,
                    model.prompt_names,
                ),
            )

    def features(self, model, dataset: Dataset, clip: str) -> np.ndarray:
        """Return the unit features of all images, (N, D) float32.

        Args:
            model (PrototypeClassifier): See `__call__`.
            dataset (Dataset): See `__call__`.
            clip (str): Fingerprint of the model's CLIP.

        Raises:
            UnreadableImagesError: Lists all images that cannot be read.
        """
        with self._looking(model):
            return self._complete(model, dataset, clip).open()

    def fill(self, model, dataset: Dataset, cache: PairCache) -> None:
        """Encode what two caches lack, see `encode_both`."""
        with self._looking(model):
            self._compute(model, dataset, cache)

    @staticmethod
    @contextmanager
    def _looking(model) -> Iterator[None]:
        """Keep the model's mode and the random state; no gradient."""
        was_training = model.training
        device = next(model.parameters()).device
        model.eval()
        with (
            preserved_random_state(),
            torch.no_grad(),
            torch.autocast(device.type, enabled=False),
        ):
            yield
        model.train(was_training)

    def _complete(self, model, dataset: Dataset, clip: str) -> FeatureCache:
        cache = self.cache(model, dataset, clip)
        if not cache.complete:
            self._compute(model, dataset, cache)
        return cache

    def view(self, dataset: Dataset) -> FrozenView:
        """Return the dataset as the pass sees it."""
        return FrozenView(dataset, self.pipeline)

    def cache(self, model, dataset: Dataset, clip: str) -> FeatureCache:
        """Find what is there, and settle what this run computes.

        Args:
            model (PrototypeClassifier): See `__call__`.
            dataset (Dataset): See `__call__`.
            clip (str): Fingerprint of the model's CLIP.
        """
        shared: list = [os.urandom(6).hex()]
        broadcast_object_list(shared)
        (run,) = shared
        images = shared_image_keys(Path(self.cache_dir), dataset, run)
        key = features_key(clip, self.pipeline, model.data_preprocessor)
        cache = self._open(key, images)
        # Ranks may see the files at different times.
        shared = [cache.unknown() if is_main_process() else None]
        broadcast_object_list(shared)
        (todo,) = shared
        cache.begin(run, todo)
        total = len(images)
        if cache.complete:
            print_log(
                f'{self.name.capitalize()} of {total} images are in '
                f'{cache.data}; nothing to compute.',
                'current',
            )
        elif is_main_process():
            print_log(
                f'{self.name.capitalize()}: {total - len(todo)} of {total} '
                f'images reused, {len(todo)} to make; in {cache.folder}',
                'current',
            )
            cache.describe(dict(model=clip, pipeline=self.pipeline))
        return cache

    def _open(self, key: str, images: np.ndarray) -> FeatureCache:
        """Open the cache of what is made of images."""
        folder = features_folder(self.cache_dir, key)
        return FeatureCache(folder, images, self.chunk_size)

    def _encode(self, model, inputs: torch.Tensor) -> np.ndarray:
        """Return what is made of a batch of raw inputs, (B, D)."""
        return encode_frozen(model, inputs)

    def _compute(
        self, model, dataset: Dataset, cache: FeatureCache | PairCache
    ) -> None:
        """Write the chunks of this rank, wait for the others, join them.

        Args:
            model (PrototypeClassifier): See `__call__`.
            dataset (Dataset): See `__call__`.
            cache (FeatureCache | PairCache): To be filled.
        """
        unreadable = cache.data / f'unreadable-{cache.run}'
        own = range(get_rank(), cache.num_chunks, get_world_size())
        todo = [chunk for chunk in cache.missing() if chunk in own]
        self._write(model, dataset, cache, todo, unreadable)
        wait_for(
            lambda: len(cache.missing()) - len(list(unreadable.glob('*.json')))
        )
        failed = sorted(unreadable.glob('*.json'))
        if failed:
            found: dict[str, str] = {}
            for path in failed:
                found.update(json.loads(path.read_text()))
            raise UnreadableImagesError(_message(found, cache, unreadable))
        if is_main_process():
            cache.merge()
            for old in cache.data.glob('unreadable-*'):
                shutil.rmtree(old)
        wait_for(lambda: int(not cache.complete))

    def _write(
        self,
        model,
        dataset: Dataset,
        cache: FeatureCache | PairCache,
        todo: list[int],
        unreadable: Path,
    ) -> None:
        """Write chunks, and what of them could not be read."""
        batches = {
            chunk: split_indices(
                cache.samples(chunk).tolist(), self.batch_size
            )
            for chunk in todo
        }
        loader = DataLoader(
            self.view(dataset),
            batch_sampler=[b for chunk in todo for b in batches[chunk]],
            num_workers=self.num_workers if todo else 0,
            collate_fn=collate_frozen,
        )
        images = sum(len(cache.samples(chunk)) for chunk in todo)
        with Progress(self.name, images) as progress:
            stream = iter(loader)
            for chunk in todo:
                features, errors = [], {}
                for indices in batches[chunk]:
                    inputs, failed = next(stream)
                    errors.update(failed)
                    if inputs is not None and not errors:
                        found = self._encode(model, inputs)
                        finite = np.isfinite(found).all(axis=1)
                        for i in np.asarray(indices)[~finite].tolist():
                            info = dataset.get_data_info(i)
                            errors[str(info['img_path'])] = NOT_FINITE
                        features.append(found)
                    progress.advance(len(indices))
                if errors:
                    with atomic_file(unreadable / f'{chunk:05d}.json') as f:
                        f.write(json.dumps(errors).encode())
                else:
                    cache.write(chunk, np.concatenate(features))


def _message(
    errors: dict[str, str], cache: FeatureCache | PairCache, folder: Path
) -> str:
    lines = [f'{name}: {error}' for name, error in sorted(errors.items())]
    listed = lines[:MAX_LISTED]
    if len(lines) > len(listed):
        listed.append(f'... and {len(lines) - len(listed)} more in {folder}')
    return (
        f'{len(lines)} of {len(cache.images)} images cannot be '
        'read or encoded:\n    '
        + '\n    '.join(listed)
        + '\nReplace these files, take them out of the data set, or leave '
        'them out with --skip-unreadable (skip_unreadable=True in a config).'
    )
