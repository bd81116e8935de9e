"""Finding out what a run is missing before anything long starts."""

import logging
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.datasets.decode_options_of import loads_images, pipeline_options
from mmlatte.datasets.sample_index import samples_of
from mmlatte.datasets.transforms.load_image import MAX_PIXELS
from mmlatte.datasets.wrappers import leaf_configs, with_pipeline
from mmlatte.decode_image import look_at_folder
from mmlatte.decode_image.folder_range import SAMPLE
from mmlatte.models.clip import Weights, find_weights
from mmlatte.registry import DATASETS

__all__ = ['PreflightError', 'note_weight_facts', 'preflight']


class PreflightError(RuntimeError):
    """What a run needs is missing; the message lists all of it."""


def note_weight_facts(clip: dict) -> Weights:
    """Find the weights of a CLIP; note what is known of a file of weights.

    Args:
        clip (dict): Config of a ``mmlatte.OpenCLIP``; ``preprocess`` and
            ``quick_gelu`` are set for a file.

    Returns:
        Weights: Where they are, and what is known of them.

    Raises:
        RuntimeError: See `find_weights`.
        ValueError: See `find_weights`.
    """
    weights = find_weights(
        clip['model_name'],
        clip.get('pretrained'),
        clip.get('cache_dir'),
        fetch=clip.get('load_weights', True),
        preprocess=clip.get('preprocess'),
        quick_gelu=clip.get('quick_gelu'),
    )
    if weights.from_file:
        clip['preprocess'] = weights.preprocess
        if weights.quick_gelu is not None:
            clip['quick_gelu'] = weights.quick_gelu
    return weights


def _check_normalisation(model: dict, wanted: dict) -> None:
    """Warn if a config normalises images as the weights do not want it."""
    given = model.get('data_preprocessor') or {}
    for key in ('mean', 'std'):
        if key not in given or key not in wanted:
            continue
        pairs = zip(given[key], wanted[key], strict=True)
        if any(abs(here / 255 - there) > 1e-3 for here, there in pairs):
            print_log(
                f'model.data_preprocessor.{key}={list(given[key])}, but these '
                f'weights were trained with {wanted} (of pixels from 0 to 1): '
                'features will be worse. Set data_preprocessor and the '
                'pipelines to that, or model.clip.preprocess if it is wrong.',
                'current',
                level=logging.WARNING,
            )
            return


def preflight(cfg: Config) -> None:
    """Check that the CLIP weights and the data of a config can be had.

    Weights and data that a config lets mmlatte download are downloaded.
    What is known of a file of weights is written into the config, so that a
    checkpoint can be used where the file is not.

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
            weights = note_weight_facts(clip)
            _check_normalisation(cfg.model, weights.preprocess)
        except (RuntimeError, ValueError) as error:
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
        try:
            built = DATASETS.build(with_pipeline(loader.dataset, []))
            if part == 'train':
                leaf = next(leaf_configs(loader.dataset))
                _look(built, leaf.get('pipeline') or [])
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
