from collections.abc import Sequence
from pathlib import Path

from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, Runner

from mmlatte.datasets.clip_pipeline import clip_eval_pipeline
from mmlatte.datasets.decode_options_of import (
    decode_options_of,
    set_decode_options,
)
from mmlatte.datasets.wrappers import leaf_configs
from mmlatte.engine.frozen import FrozenPass, ZeroShotLabels
from mmlatte.engine.frozen.encode_both import encode_both
from mmlatte.registry import HOOKS

from ..find_hook import find_hook
from ..method_of import method_of


@HOOKS.register_module()
class ZeroShotLabelHook(Hook):
    """Label the training images with the frozen CLIP, once, before training.

    See `FrozenPass`, which does it.

    Args:
        cache_dir (str | Path): Folder of the features, shared by all ranks.
        pipeline (Sequence[dict], optional): The evaluation pipeline (no
            augmentation). Defaults to that of ``test_dataloader``, without
            one to the pipeline that the CLIP was trained for.
        batch_size (int): Images per forward pass. Defaults to 64.
        num_workers (int): Loading processes per rank. Defaults to 2.
        chunk_size (int): Images per file while computing. Defaults to 1024.

    Attributes:
        frozen_pass (FrozenPass): Encodes the images.
        found (ZeroShotLabels): What it found; None before the run.
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
        self.frozen_pass = FrozenPass(
            cache_dir, pipeline, batch_size, num_workers, chunk_size
        )
        self.found: ZeroShotLabels | None = None

    def before_run(self, runner: Runner) -> None:
        """Make features and labels, if this run trains.

        Raises:
            ValueError: If the dataset has no pipeline of its own.
            RuntimeError: If images cannot be read; lists all of them.
        """
        # The loop is a config unless the run trains; after training the model
        # is no longer the frozen one.
        training = isinstance(runner._train_loop, BaseLoop)
        if not training or self.found is not None:
            return
        dataset = runner.train_loop.dataloader.dataset
        if not isinstance(dataset, BaseDataset):
            raise ValueError(
                f'ZeroShotLabelHook: {type(dataset).__name__} has no pipeline '
                'of its own; use mmlatte.ResumableTrainLoop, which takes '
                'ConcatDataset, RepeatDataset and ClassBalancedDataset apart, '
                'or a plain dataset for train_dataloader'
            )
        model = method_of(runner, 'ZeroShotLabelHook')
        if self.frozen_pass.pipeline is None:
            self.frozen_pass.pipeline = _eval_pipeline(
                runner, model.clip, dataset
            )
        # That hook needs this one.
        from .frozen_features_hook import FrozenFeaturesHook

        hook = find_hook(runner, FrozenFeaturesHook)
        encoder = hook.encoder(model) if hook else model.second_encoder
        encode_both(self.frozen_pass, model, encoder, dataset)
        self.found = self.frozen_pass(model, dataset)


def _eval_pipeline(runner: Runner, clip, dataset: BaseDataset) -> list[dict]:
    loader = runner.cfg.get('test_dataloader') or {}
    if loader.get('dataset'):
        pipeline = next(leaf_configs(loader['dataset'])).get('pipeline')
        if pipeline:
            return [dict(step) for step in pipeline]
    pipeline = clip_eval_pipeline(clip.image_size, clip.preprocess)
    set_decode_options(pipeline, decode_options_of(dataset))
    return pipeline
