import hashlib
import json
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import (
    broadcast_object_list,
    get_rank,
    get_world_size,
    is_main_process,
)
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner
from torch.utils.data import DataLoader, Dataset

from mmlatte.atomic_file import atomic_file
from mmlatte.datasets.clip_pipeline import clip_eval_pipeline
from mmlatte.datasets.sample_index import file_sizes, samples_of
from mmlatte.engine.checkpoints.random_state import preserved_random_state
from mmlatte.engine.frozen.feature_cache import FeatureCache
from mmlatte.engine.frozen.frozen_view import (
    FrozenView,
    collate_frozen,
    encode_frozen,
    split_indices,
)
from mmlatte.engine.frozen.labels_fingerprint import labels_fingerprint
from mmlatte.fits import FrozenFeatures
from mmlatte.progress import Progress
from mmlatte.registry import HOOKS

from ..unwrapped import unwrapped

#: Unreadable images named in the error; all of them are in a file.
MAX_LISTED = 100
NOT_FINITE = 'CLIP gives it features that are no numbers (NaN or infinite)'
#: Samples whose files' names and sizes are held at a time.
KEY_BLOCK = 65536
#: Files whose sizes are asked for.
MAX_SIZES = 262_144
#: Seconds without a new file after which another rank counts as dead.
PATIENCE = 1800


@HOOKS.register_module()
class ZeroShotLabelHook(Hook):
    """Label the training images with the frozen CLIP, once, before training.

    Image features are computed once per model, data and preprocessing, in
    float32, and kept in ``cache_dir``; ranks share the work by chunks, a
    killed run goes on where it stopped, and a second run computes nothing.
    Labels are the nearest class text, kept beside the features; class names
    and templates may change without new features.

    Args:
        cache_dir (str | Path): Folder of the features, shared by all ranks.
        pipeline (Sequence[dict], optional): The evaluation pipeline (no
            augmentation). Defaults to that of ``test_dataloader``, without
            one to the pipeline that the CLIP was trained for.
        batch_size (int): Images per forward pass. Defaults to 64.
        num_workers (int): Loading processes per rank. Defaults to 2.
        chunk_size (int): Images per file while computing. Defaults to 1024.

    Attributes:
        labels (np.ndarray): Zero-shot labels, (N,) int32; None before the run.
        scores (np.ndarray): Cosine of the best class, (N,) float32.
        features (np.memmap): Frozen unit image features, (N, D) float32.
        class_features (np.ndarray): Unit class text features, (C, D).
        scale (float): Logit scale of the frozen CLIP.
        fingerprint (str): That of the frozen CLIP.
    """

    # Before LMMTextSynthHook, which needs the labels.
    priority = 'ABOVE_NORMAL'

    def __init__(
        self,
        cache_dir: str | Path,
        pipeline: Sequence[dict] | None = None,
        batch_size: int = 64,
        num_workers: int = 2,
        chunk_size: int = 1024,
    ) -> None:
        self.pipeline = pipeline
        self.cache_dir = Path(cache_dir)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.chunk_size = chunk_size
        self.labels: np.ndarray | None = None
        self.scores: np.ndarray | None = None
        self.features: np.memmap | None = None
        self.class_features: np.ndarray | None = None
        self.scale = 0.0
        self.fingerprint = ''

    def before_run(self, runner: Runner) -> None:
        """Make features and labels, if this run trains.

        Raises:
            RuntimeError: If images cannot be read; lists all of them.
        """
        # The loop is a config unless the run trains; after training the model
        # is no longer the frozen one.
        training = isinstance(runner._train_loop, BaseLoop)
        if not training or self.labels is not None:
            return
        dataset = runner.train_loop.dataloader.dataset
        if not hasattr(dataset, 'pipeline'):
            raise ValueError(
                f'ZeroShotLabelHook: {type(dataset).__name__} has no pipeline '
                'of its own; use a plain dataset for train_dataloader'
            )
        model = unwrapped(runner.model)
        if self.pipeline is None:
            self.pipeline = _eval_pipeline(runner, model)
        self.look(runner, model, dataset)

    def look(self, runner: Runner, model, dataset: Dataset) -> None:
        """Make features and labels of a dataset with a classifier as it is.

        Args:
            runner (Runner): For its logger and time stamp.
            model (PrototypeClassifier): On its device.
            dataset (Dataset): With a pipeline of its own.
        """
        self.fingerprint = model.clip.fingerprint()
        self.scale = model.clip.scale.item()
        was_training = model.training
        model.eval()
        device = next(model.parameters()).device
        with (
            preserved_random_state(),
            torch.no_grad(),
            torch.autocast(device.type, enabled=False),
        ):
            self.features = self._frozen_features(runner, model, dataset)
            self._label(model)
        model.train(was_training)

    def frozen(self) -> FrozenFeatures:
        """Return what was found, as plain data for a model."""
        return FrozenFeatures(
            features=self.features,
            labels=self.labels,
            scores=self.scores,
            class_features=self.class_features,
            scale=self.scale,
        )

    def labels_from(self, model) -> str:
        """Return the fingerprint of all that decides the labels.

        Args:
            model (PrototypeClassifier): Has the classes and their texts.
        """
        return labels_fingerprint(model, self.fingerprint)

    def _frozen_features(
        self, runner: Runner, model, dataset: Dataset
    ) -> np.memmap:
        key = [self._key(model, dataset)] if is_main_process() else [None]
        broadcast_object_list(key)
        folder = self._folder = self.cache_dir / f'features-{key[0]}'
        cache = FeatureCache(folder, len(dataset), self.chunk_size)
        if cache.complete:
            runner.logger.info(
                f'Frozen features of {len(dataset)} training images are in '
                f'{folder}; nothing to compute.'
            )
            return cache.open()
        if is_main_process():
            cache.describe(
                dict(
                    num_samples=len(dataset),
                    chunk_size=self.chunk_size,
                    model=self.fingerprint,
                    pipeline=self.pipeline,
                )
            )
        unreadable = folder / f'unreadable-{runner.timestamp}'
        own = range(get_rank(), cache.num_chunks, get_world_size())
        todo = [chunk for chunk in cache.missing() if chunk in own]
        self._compute(runner, model, dataset, cache, todo, unreadable)
        self._join(cache, unreadable)
        return cache.open()

    def _compute(
        self,
        runner: Runner,
        model,
        dataset: Dataset,
        cache: FeatureCache,
        todo: list[int],
        unreadable: Path,
    ) -> None:
        """Write the chunks of this rank, and what could not be read."""
        batches = {
            chunk: split_indices(cache.samples(chunk), self.batch_size)
            for chunk in todo
        }
        loader = DataLoader(
            FrozenView(dataset, self.pipeline),
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

    def _join(self, cache: FeatureCache, unreadable: Path) -> None:
        """Wait for the chunks of all ranks and make one array of them.

        Files are polled, since a rank that waits in a collective operation
        runs into its time-out while another one still works.
        """
        _wait(
            lambda: len(cache.missing()) - len(list(unreadable.glob('*.json')))
        )
        failed = sorted(unreadable.glob('*.json'))
        if failed:
            errors: dict = {}
            for path in failed:
                errors.update(json.loads(path.read_text()))
            raise RuntimeError(_unreadable_message(errors, cache, unreadable))
        if is_main_process():
            cache.merge()
            for old in cache.folder.glob('unreadable-*'):
                shutil.rmtree(old)
        _wait(lambda: int(not cache.complete))

    def _label(self, model) -> None:
        """Find the nearest class of every image, once per class features.

        The main process decides for all: other hardware may round another way.
        """
        name: list = [None]
        if is_main_process():
            classes = model.encode_classes().float()
            values = np.ascontiguousarray(classes.cpu().numpy())
            digest = hashlib.sha256(values.tobytes()).hexdigest()
            name = [f'labels-{digest[:16]}.npz']
        broadcast_object_list(name)
        file = self._folder / name[0]
        if is_main_process() and not file.exists():
            arrays = self._nearest(classes)
            with atomic_file(file) as target:
                np.savez(target, classes=values, **arrays)
        _wait(lambda: int(not file.exists()))
        with np.load(file) as arrays:
            self.class_features = arrays['classes']
            # Earlier versions wrote int64: 40 MB more for 10 million images.
            self.labels = arrays['labels'].astype(np.int32, copy=False)
            self.scores = arrays['scores']

    def _nearest(self, classes: torch.Tensor) -> dict[str, np.ndarray]:
        """Label and cosine of the nearest class of every image."""
        total = len(self.features)
        labels = np.zeros(total, np.int32)
        scores = np.zeros(total, np.float32)
        with Progress('zero-shot labels', total) as progress:
            for start in range(0, total, self.chunk_size):
                part = slice(start, start + self.chunk_size)
                # A copy: torch does not know arrays it must not write to.
                features = torch.from_numpy(np.array(self.features[part]))
                best = (features.to(classes) @ classes.T).max(dim=1)
                labels[part] = best.indices.cpu().numpy()
                scores[part] = best.values.cpu().numpy()
                progress.advance(len(features))
        return dict(labels=labels, scores=scores)

    def _key(self, model, dataset: Dataset) -> str:
        """Name everything that the features depend on.

        File sizes stand for the contents: another data set with the same
        file names must not get these features. The main process asks for
        them, in threads, since network disks answer slowly; of more than
        262,144 files it asks every second, third ... one, evenly over the
        data, so that other data is still noticed, though not the exchange of
        one image among a million.
        """
        digest = hashlib.sha256()
        preprocessor = model.data_preprocessor
        parts = [
            self.fingerprint,
            self.pipeline,
            self.chunk_size,
            *(
                getattr(preprocessor, name).flatten().tolist()
                if getattr(preprocessor, name, None) is not None
                else None
                for name in ('mean', 'std')
            ),
        ]
        # Only where it is off: features on disk, made with it, stay valid.
        if not _swaps_channels(preprocessor):
            parts.append('channels not swapped')
        digest.update(json.dumps(parts, sort_keys=True, default=str).encode())
        samples, total = samples_of(dataset), len(dataset)
        step = -(-total // MAX_SIZES)
        for start in range(0, total, KEY_BLOCK):
            stop = min(start + KEY_BLOCK, total)
            keys = np.asarray(samples.keys(start, stop), '<u8')
            digest.update(keys.tobytes())
            first = -start % step
            sizes = file_sizes(samples.paths(start + first, stop, step))
            digest.update(np.asarray(sizes, '<i8').tobytes())
        return digest.hexdigest()[:16]


def _eval_pipeline(runner: Runner, model) -> list[dict]:
    loader = runner.cfg.get('test_dataloader') or {}
    pipeline = loader.get('dataset', {}).get('pipeline')
    if pipeline:
        return [dict(step) for step in pipeline]
    return clip_eval_pipeline(model.clip.image_size, model.clip.preprocess)


def _swaps_channels(preprocessor) -> bool:
    """Whether BGR becomes RGB; the preprocessors name it differently."""
    swaps = getattr(preprocessor, '_channel_conversion', True)
    return getattr(preprocessor, 'to_rgb', swaps)


def _wait(missing: Callable[[], int]) -> None:
    """Poll until no file is missing; give up when nothing changes for long."""
    last, since = None, time.monotonic()
    while (count := missing()) > 0:
        if count != last:
            last, since = count, time.monotonic()
        elif time.monotonic() - since > PATIENCE:
            raise RuntimeError(
                f'no other rank wrote features for {PATIENCE} s and {count} '
                'files are missing: a rank died, or cache_dir of '
                'ZeroShotLabelHook is not shared by all ranks'
            )
        time.sleep(0.1)


def _unreadable_message(
    errors: dict[str, str], cache: FeatureCache, folder: Path
) -> str:
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
