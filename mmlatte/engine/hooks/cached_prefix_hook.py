from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from mmlatte.datasets.joined_dataset import JoinedDataset
from mmlatte.datasets.transforms import LoadActivations
from mmlatte.datasets.transforms.transforms_of import transforms_of
from mmlatte.datasets.wrappers import leaf_configs
from mmlatte.engine.frozen.prefix_pass import PrefixPass
from mmlatte.models.tuning import FrozenPrefix
from mmlatte.registry import HOOKS

from ..find_hook import require_hook
from ..method_of import method_of
from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class CachedPrefixHook(Hook):
    """Train the last blocks of an image tower from cached activations.

    What comes before the first block that trains (``BlockTuning``,
    ``NormTuning`` with ``blocks``) sees every image once: its activations are
    kept on disk, beside the frozen features, and training loads them in the
    place of images. Evaluation sees images.

    An image that is augmented has other activations: the train pipeline must
    prepare images as the evaluation does (``views='texts_plain'``). Needs a
    `ZeroShotLabelHook`, whose cache and pipeline it takes.

    Args:
        dtype (str): Of the activations on disk, ``'float16'`` or
            ``'float32'``. Defaults to float16.
        max_gb (float): Most that they may take there. Defaults to 50.
    """

    # Behind the hooks that look for transforms, before the first batch.
    priority = 'BELOW_NORMAL'

    def __init__(self, dtype: str = 'float16', max_gb: float = 50.0) -> None:
        self.dtype = dtype
        self.max_gb = max_gb

    def before_train(self, runner: Runner) -> None:
        """Make the activations, and have them loaded.

        Raises:
            ValueError: If data sets are joined, the pipeline augments, the
                method takes other views, or the tower cannot be cut, see
                `FrozenPrefix`.
            OSError: If the activations are too large, see `PrefixPass`.
        """
        if runner.train_loop.stop_training:
            return  # there is a fit in place of training
        name = type(self).__name__
        model = method_of(runner, name)
        frozen = require_hook(runner, ZeroShotLabelHook, name).frozen_pass
        pipeline = next(
            leaf_configs(runner.cfg.train_dataloader['dataset'])
        ).get('pipeline', [])
        _check_plain(pipeline, frozen.pipeline)
        prefix = FrozenPrefix(model.clip)
        dataset = runner.train_loop.dataloader.dataset
        if isinstance(dataset, JoinedDataset):
            raise ValueError(
                f'{name}: joined data sets have a pipeline each, which it '
                'cannot replace; train on one, or remove the hook'
            )
        rows = PrefixPass(
            frozen.cache_dir,
            frozen.pipeline,
            frozen.batch_size,
            frozen.num_workers,
            frozen.chunk_size,
            self.dtype,
            self.max_gb,
        ).activations(model, dataset, prefix)
        steps = transforms_of(dataset)
        first, last = _image_steps(pipeline)
        steps[first:last] = [LoadActivations(rows, prefix.shape)]
        model.clip.prefix = prefix
        past = _PastPreprocessor(prefix)
        model.data_preprocessor.register_forward_pre_hook(past.take)
        model.data_preprocessor.register_forward_hook(past.put)


class _PastPreprocessor:
    """Hands activations past what normalises images."""

    def __init__(self, prefix: FrozenPrefix) -> None:
        self.prefix = prefix
        self.kept: Tensor | None = None

    def take(self, module: nn.Module, args: tuple) -> tuple | None:
        data = args[0]
        inputs = data['inputs'] if isinstance(data, dict) else None
        if not isinstance(inputs, Tensor) or not self.prefix.made(inputs):
            return None
        self.kept = inputs
        blank = inputs.new_zeros(len(inputs), 3, 1, 1)
        return ({**data, 'inputs': blank}, *args[1:])

    def put(self, module: nn.Module, args: tuple, output: dict) -> Any:
        if self.kept is None:
            return output
        inputs = output['inputs']
        kept = self.kept.to(inputs.device, non_blocking=True).to(inputs.dtype)
        self.kept = None
        return {**output, 'inputs': kept}


def _image_steps(pipeline: list) -> tuple[int, int]:
    """Return the first and the end of the steps that prepare an image."""
    kinds = [str(step['type']).rsplit('.', 1)[-1] for step in pipeline]
    ends = [i for i, k in enumerate(kinds) if k in ('LoadTexts', 'PackInputs')]
    if 'LoadImage' not in kinds or not ends:
        raise ValueError(
            f'CachedPrefixHook: the train pipeline {kinds} must hold '
            'mmlatte.LoadImage, and PackInputs behind it'
        )
    return kinds.index('LoadImage'), ends[0]


def _check_plain(pipeline: list, evaluation: list) -> None:
    """Refuse a pipeline that does not prepare images as the evaluation.

    Raises:
        ValueError: Names the steps that differ.
    """
    steps = [
        [dict(step) for step in own[slice(*_image_steps(own))]]
        for own in (pipeline, evaluation)
    ]
    if steps[0] != steps[1]:
        raise ValueError(
            'CachedPrefixHook: activations are made once, of images as '
            f'evaluation prepares them: {steps[1]}; the train pipeline has '
            f"{steps[0]}. Take its plain views (views='texts_plain' or "
            "'unaugmented'), or remove the hook"
        )
