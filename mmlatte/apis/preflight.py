"""Finding out what a run is missing before anything long starts."""

import copy
from pathlib import Path

from mmengine.config import Config

from mmlatte.models.clip import find_weights
from mmlatte.registry import DATASETS

__all__ = ['PreflightError', 'preflight']


class PreflightError(RuntimeError):
    """What a run needs is missing; the message lists all of it."""


def preflight(cfg: Config) -> None:
    """Check that the CLIP weights and the data of a config can be had.

    Weights and data that a config lets mmlatte download are downloaded.

    Args:
        cfg (Config): A complete config.

    Raises:
        PreflightError: Names everything that is missing at once, where it
            comes from and where to put it.
    """
    problems = []
    clip = cfg.model.get('clip')
    if clip is not None and clip.type == 'mmlatte.OpenCLIP':
        try:
            find_weights(
                clip.model_name, clip.get('pretrained'), clip.get('cache_dir')
            )
        except RuntimeError as error:
            problems.append(f'CLIP weights: {error}')
    descriptions = cfg.model.get('descriptions')
    # A checkpoint brings what was made of them.
    needed = isinstance(descriptions, str) and not cfg.get('load_from')
    if needed and not Path(descriptions).is_file():
        problems.append(
            f'Class descriptions: there is no file {descriptions}, a JSON of '
            '{class name: [sentence, ...]}. Set model.descriptions to yours.'
        )
    seen = []
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader')
        if loader is None or loader.dataset in seen:
            continue
        seen.append(loader.dataset)
        dataset = copy.deepcopy(loader.dataset)
        dataset.pipeline = []
        try:
            DATASETS.build(dataset)
        except (OSError, RuntimeError, ValueError) as error:
            text = f'{part} data: {error}'
            if str(error) not in '\n'.join(problems):
                problems.append(text)
    if problems:
        raise PreflightError(
            'This run cannot start.\n\n' + '\n\n'.join(problems)
        )
