"""From a config, a checkpoint or the folder of a run to a model."""

import logging
import os.path as osp
from copy import deepcopy
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import load_checkpoint
from mmpretrain import get_model

from mmlatte.apis.compose_config import read_config_file
from mmlatte.models.classifiers import PrototypeClassifier

from .plain_config import read_plain_config

__all__ = ['frozen_config', 'load_classifier', 'load_run_config']

#: What the frozen CLIP of a model shares with it.
SHARED = (
    'class_names',
    'clip',
    'data_preprocessor',
    'descriptions',
    'prompt_names',
    'score_by',
    'templates',
)


def load_classifier(
    model: str | Config,
    checkpoint: str | None = None,
    device: str | torch.device | None = None,
) -> PrototypeClassifier:
    """Build a classifier for inference.

    Args:
        model (str | Config): A config (its CLIP is used as it is, unless
            there is a checkpoint), a checkpoint (which holds its config), or
            the work folder of a run (its last checkpoint is used).
        checkpoint (str, optional): Weights for `model`, if that is a config.
        device (str | torch.device, optional): Defaults to the GPU if there
            is one.

    Returns:
        PrototypeClassifier: In eval mode, with ``_config``.

    Raises:
        FileNotFoundError: If there is no such file, or no checkpoint in the
            folder.
        RuntimeError: If config and checkpoint do not belong together.
    """
    config, path = load_run_config(model)
    path = checkpoint or path
    if path is not None:
        clip = config.model.get('clip')
        if clip is not None and clip.type == 'mmlatte.OpenCLIP':
            # The checkpoint brings them: fetch no other weights.
            clip.load_weights = False
        if config.model.get('second_encoder') is not None:
            config.model.second_encoder.load_weights = False
    if config.get('test_dataloader') is None:
        # mmpretrain takes class names from a data set that is not there.
        config.pop('test_dataloader', None)
    built = get_model(config, pretrained=False)
    if not isinstance(built, PrototypeClassifier):
        raise TypeError(
            f'{config.model.type} is no mmlatte.PrototypeClassifier; use '
            "mmpretrain's own ImageClassificationInferencer for it"
        )
    if path is None:
        built.init_weights()
    else:
        try:
            load_checkpoint(built, path, map_location='cpu', strict=True)
        except RuntimeError as error:
            raise RuntimeError(
                f'checkpoint {path} cannot be loaded into the model of its '
                f'config: {error}'
            ) from error
    device = device or ('cuda' if torch.cuda.is_available() else 'cpu')
    return built.to(device).eval()


def load_run_config(model: str | Config) -> tuple[Config, str | None]:
    """Return config and checkpoint of what `load_classifier` takes.

    Args:
        model (str | Config): See `load_classifier`.
    """
    if isinstance(model, Config):
        return deepcopy(model), None
    path = osp.expanduser(str(model))
    if osp.isdir(path):
        path = _last_checkpoint(path)
    elif not osp.isfile(path):
        raise FileNotFoundError(
            f'{path} does not exist: give a config, a checkpoint, or the '
            'work folder of a run'
        )
    if path.endswith(('.py', '.json', '.yaml', '.yml')):
        return read_config_file(path), None
    return _config_in(path), path


def frozen_config(config: Config) -> Config:
    """Return the config of the zero-shot CLIP that a model started from.

    Args:
        config (Config): Config of the model.
    """
    frozen = deepcopy(config)
    shared = {k: v for k, v in config.model.items() if k in SHARED}
    shared['clip'] = {**shared['clip'], 'load_weights': True}
    sentences = shared.get('descriptions')
    if isinstance(sentences, str) and not Path(sentences).is_file():
        # A checkpoint predicts without the file; frozen CLIP cannot.
        print_log(
            f"The class descriptions '{sentences}' are not there: frozen CLIP "
            'is taken with prompt templates, another one than the model '
            'started from.',
            'current',
            level=logging.WARNING,
        )
        shared.pop('descriptions')
        shared.pop('score_by', None)
    frozen.model = dict(type='mmlatte.ZeroShotCLIP', **shared)
    return frozen


def _last_checkpoint(folder: str) -> str:
    """Path of the newest checkpoint, also if the folder was moved."""
    pointer = Path(folder) / 'last_checkpoint'
    if pointer.is_file():
        noted = Path(pointer.read_text().strip())
        for candidate in (Path(folder) / noted.name, noted):
            if candidate.is_file():
                return str(candidate)
    raise FileNotFoundError(
        f'{folder} holds no checkpoint (no file last_checkpoint that names '
        'one): has the run finished its first epoch?'
    )


def _config_in(path: str) -> Config:
    from mmengine.runner import CheckpointLoader

    checkpoint = CheckpointLoader.load_checkpoint(path, map_location='cpu')
    text = checkpoint.get('meta', {}).get('cfg')
    if not isinstance(text, str):
        raise RuntimeError(
            f'checkpoint {path} holds no config; give the config and the '
            'checkpoint'
        )
    try:
        return read_plain_config(text)
    except ValueError as error:
        raise RuntimeError(
            f'the config in {path} cannot be read ({error}); give the config '
            'and the checkpoint'
        ) from error
