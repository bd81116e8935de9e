import dataclasses
from collections.abc import Iterator

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.runner import ValLoop
from mmpretrain.structures import DataSample
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from mmlatte.registry import LOOPS

from ..find_hook import require_hook
from ..frozen.encode_both import encode_both
from ..frozen.second_features import second_features
from ..hooks.zero_shot_label_hook import ZeroShotLabelHook
from ..method_of import method_of


@LOOPS.register_module()
class FrozenValLoop(ValLoop):
    """Evaluate on frozen features as long as the CLIP is the frozen one.

    The images are encoded by the frozen pass, once ever, into the cache of
    the training images. Zero-shot CLIP and every fit to frozen features are
    evaluated without another look at an image. A model whose CLIP has moved,
    or whose features are more than the CLIP's, is evaluated as ``ValLoop``
    does; so are data sets that are joined or repeated.

    Hooks and metrics get batches with ``features`` (B, D) in the place of
    ``inputs``. Needs a `ZeroShotLabelHook`. Takes the arguments of
    ``ValLoop``; ``dataloader`` must be a config.
    """

    def __init__(self, runner, dataloader: dict, evaluator, **kwargs) -> None:
        self._pipeline = dataloader['dataset'].get('pipeline')
        super().__init__(runner, dataloader, evaluator, **kwargs)

    def run(self) -> dict:
        """Evaluate."""
        ordinary = self.dataloader
        features = self._features(ordinary.dataset)
        if features is None:
            return super().run()
        self.dataloader = _FeatureLoader(ordinary, features)
        try:
            return super().run()
        finally:
            self.dataloader = ordinary

    def _features(self, dataset: Dataset) -> list[np.ndarray] | None:
        """Return the features of all encoders, None of a CLIP that moved."""
        model = method_of(self.runner, 'FrozenValLoop')
        hook = require_hook(self.runner, ZeroShotLabelHook, 'FrozenValLoop')
        plain = isinstance(dataset, BaseDataset) and self._pipeline
        both = model.second_encoder is not None
        same = (model.encodes_as_clip or both) and hook.found is not None
        if not (plain and same) or model.clip.fingerprint() != hook.found.clip:
            return None
        look = dataclasses.replace(hook.frozen_pass, pipeline=self._pipeline)
        encode_both(look, model, model.second_encoder, dataset)
        parts = [look.features(model, dataset, hook.found.clip)]
        if both:
            encoder = model.second_encoder
            parts.append(second_features(encoder, look, dataset))
        return parts

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict) -> None:
        """Predict a batch, from images or their features."""
        if not isinstance(self.dataloader, _FeatureLoader):
            super().run_iter(idx, data_batch)
            return
        model = method_of(self.runner, 'FrozenValLoop')
        self.runner.call_hook(
            'before_val_iter', batch_idx=idx, data_batch=data_batch
        )
        features = data_batch['features'].to(model.memory.prototypes)
        samples = data_batch['data_samples']
        outputs = model.predict_features(features, samples)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(
            'after_val_iter',
            batch_idx=idx,
            data_batch=data_batch,
            outputs=outputs,
        )


class _FeatureLoader:
    """The batches of a loader of images, with features in their place."""

    def __init__(self, loader: DataLoader, features: list[np.ndarray]) -> None:
        self.loader = loader
        self.dataset = loader.dataset
        self.sampler = loader.sampler
        self.batch_sampler = loader.batch_sampler
        self.features = features

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[dict[str, Tensor | list[DataSample]]]:
        for rows in self.batch_sampler:
            parts = [np.array(features[rows]) for features in self.features]
            yield dict(
                features=torch.from_numpy(np.concatenate(parts, axis=1)),
                data_samples=[self._sample(row) for row in rows],
            )

    def _sample(self, row: int) -> DataSample:
        info = self.dataset.get_data_info(row)
        names = ('sample_idx', 'sample_id', 'img_path')
        known = {name: info[name] for name in names if name in info}
        sample = DataSample(metainfo=known)
        if 'gt_label' in info:
            sample.set_gt_label(info['gt_label'])
        return sample
