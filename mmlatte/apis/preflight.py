"""Finding out what a run is missing before anything long starts."""

import copy
import logging
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.datasets.decode_options_of import loads_images, pipeline_options
from mmlatte.datasets.sample_index import samples_of
from mmlatte.datasets.transforms.load_image import MAX_PIXELS
from mmlatte.decode_image import look_at_folder
from mmlatte.decode_image.folder_range import SAMPLE
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
            built = DATASETS.build(dataset)
            if part == 'train':
                _look(built, loader.dataset.get('pipeline') or [])
        except (OSError, RuntimeError, ValueError) as error:
            text = f'{part} data: {error}'
            if str(error) not in '\n'.join(problems):
                problems.append(text)
    if problems:
        raise PreflightError(
            'This run cannot start.\n\n' + '\n\n'.join(problems)
        )


def _look(dataset, pipeline: list) -> None:
    """Warn of images that come out nearly black.

    Raises:
        DecodeOptionsError: If none can be read without another option.
    """
    if not loads_images(pipeline):
        return
    options = pipeline_options(pipeline)
    paths = samples_of(dataset).paths(0, min(SAMPLE, len(dataset)))
    look = look_at_folder(paths, options, MAX_PIXELS)
    if look.measured and look.options.range is not None:
        low, high = look.options.range
        print_log(
            f'Most values of the training images are {low:g} to {high:g}, '
            'but not all that the files declare: set '
            f'range=({low:g}, {high:g}) of mmlatte.LoadImage in all '
            'pipelines, or the images are too dark.',
            'current',
            level=logging.WARNING,
        )
    elif look.mostly_dark:
        print_log(f'Training images: {look}', 'current', level=logging.WARNING)
