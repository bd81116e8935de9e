import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
from .features_key import features_key
from .frozen_view import (
    FrozenView,
    collate_frozen,
    encode_frozen,
    split_indices,
)
from .labels_fingerprint import labels_fingerprint
from .wait_for import wait_for
from .zero_shot_labels import ZeroShotLabels

__all__ = ['FrozenPass']

#: Unreadable images named in the error; all of them are in a file.
MAX_LISTED = 100
NOT_FINITE = 'CLIP gives it features that are no numbers (NaN or infinite)'


@dataclass
class FrozenPass:
    """The pass of a frozen CLIP over all images of a data set, once ever.

    Image features are computed once per CLIP, data and preprocessing, in
    float32, and kept in ``cache_dir``; ranks share the work by chunks, a
    killed run goes on where it stopped, and a second run computes nothing.
    Labels are the nearest class text, kept beside the features; class names
    and templates may change without new features.

    Args:
        cache_dir (str | Path): Folder of the features, shared by all ranks.
        pipeline (Sequence[dict], optional): Prepares the images (no
            augmentation); to be set before the pass.
        batch_size (int): Images per forward pass. Defaults to 64.
        num_workers (int): Loading processes per rank. Defaults to 2.
        chunk_size (int): Images per file while computing. Defaults to 1024.
    """

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
            RuntimeError: If images cannot be read; lists all of them.
        """
        clip = model.clip.fingerprint()
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        with (
            preserved_random_state(),
            torch.no_grad(),
            torch.autocast(device.type, enabled=False),
        ):
            cache, run = self._cache(model, dataset, clip)
            if not cache.complete:
                self._compute(model, dataset, cache, f'unreadable-{run}')
            found = ZeroShotLabels.find(
                cache.folder,
                cache.open(),
                model,
                self.chunk_size,
                scale=model.clip.scale.item(),
                clip=clip,
                labels_from=labels_fingerprint(
                    clip,
                    model.class_names,
                    model.templates,
                    model.descriptions,
                    model.synonyms,
                ),
            )
        model.train(was_training)
        return found

    def folder(self, model, dataset: Dataset) -> Path:
        """Return the folder of the features of a dataset, there or not.

        Args:
            model (PrototypeClassifier): Not trained.
            dataset (Dataset): The images.
        """
        return self._folder(model, dataset, model.clip.fingerprint())

    def view(self, dataset: Dataset) -> FrozenView:
        """Return the dataset as the pass sees it."""
        return FrozenView(dataset, self.pipeline)

    def _folder(self, model, dataset: Dataset, clip: str) -> Path:
        preprocessor = model.data_preprocessor
        key = features_key(
            clip, self.pipeline, self.chunk_size, preprocessor, dataset
        )
        return Path(self.cache_dir) / f'features-{key}'

    def _cache(
        self, model, dataset: Dataset, clip: str
    ) -> tuple[FeatureCache, str]:
        """Return the cache, and a name of this run that all ranks share."""
        shared: list = [None, None]
        if is_main_process():
            folder = self._folder(model, dataset, clip)
            shared = [folder.name, os.urandom(6).hex()]
        broadcast_object_list(shared)
        name, run = shared
        folder = Path(self.cache_dir) / name
        cache = FeatureCache(folder, len(dataset), self.chunk_size)
        if cache.complete:
            print_log(
                f'Frozen features of {len(dataset)} training images are in '
                f'{folder}; nothing to compute.',
                'current',
            )
        elif is_main_process():
            cache.describe(
                dict(
                    num_samples=len(dataset),
                    chunk_size=self.chunk_size,
                    model=clip,
                    pipeline=self.pipeline,
                )
            )
        return cache, run

    def _compute(
        self, model, dataset: Dataset, cache: FeatureCache, errors: str
    ) -> None:
        """Write the chunks of this rank, wait for the others, join them.

        Args:
            model (PrototypeClassifier): See `__call__`.
            dataset (Dataset): See `__call__`.
            cache (FeatureCache): To be filled.
            errors (str): Name of the folder of what could not be read.
        """
        unreadable = cache.folder / errors
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
            raise RuntimeError(_message(found, cache, unreadable))
        if is_main_process():
            cache.merge()
            for old in cache.folder.glob('unreadable-*'):
                shutil.rmtree(old)
        wait_for(lambda: int(not cache.complete))

    def _write(
        self,
        model,
        dataset: Dataset,
        cache: FeatureCache,
        todo: list[int],
        unreadable: Path,
    ) -> None:
        """Write chunks, and what of them could not be read."""
        batches = {
            chunk: split_indices(cache.samples(chunk), self.batch_size)
            for chunk in todo
        }
        loader = DataLoader(
            self.view(dataset),
            batch_sampler=[b for chunk in todo for b in batches[chunk]],
            num_workers=self.num_workers if todo else 0,
            collate_fn=collate_frozen,
        )
        images = sum(len(cache.samples(chunk)) for chunk in todo)
        with Progress('frozen features', images) as progress:
            stream = iter(loader)
            for chunk in todo:
                features, errors = [], {}
                for indices in batches[chunk]:
                    inputs, failed = next(stream)
                    errors.update(failed)
                    if inputs is not None and not errors:
                        found = encode_frozen(model, inputs)
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


def _message(errors: dict[str, str], cache: FeatureCache, folder: Path) -> str:
    lines = [f'{name}: {error}' for name, error in sorted(errors.items())]
    listed = lines[:MAX_LISTED]
    if len(lines) > len(listed):
        listed.append(f'... and {len(lines) - len(listed)} more in {folder}')
    return (
        f'{len(lines)} of {cache.num_samples} training images cannot be '
        'read or encoded:\n    '
        + '\n    '.join(listed)
        + '\nReplace these files, or '
        'take them out of the data set (split file or folder), and run again.'
    )
