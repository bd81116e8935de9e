"""How the images of a data set or a config are decoded."""

from mmengine.config import Config
from torch.utils.data import Dataset

from mmlatte.decode_image import DecodeOptions

from .transforms.load_image import LoadImage
from .transforms.transforms_of import transforms_of

__all__ = [
    'decode_options_of',
    'loads_images',
    'pipeline_options',
    'set_decode_options',
]


def decode_options_of(dataset: Dataset) -> DecodeOptions:
    """Return the options of a data set's ``LoadImage``, else the defaults."""
    for transform in transforms_of(dataset):
        if isinstance(transform, LoadImage):
            return transform.options
    return DecodeOptions()


def pipeline_options(pipeline: list) -> DecodeOptions:
    """Return the options of the ``LoadImage`` in a pipeline's config."""
    for step in pipeline:
        if _loads(step):
            return DecodeOptions(step.get('range'), step.get('bands'))
    return DecodeOptions()


def loads_images(pipeline: list) -> bool:
    """Whether a pipeline's config has a ``LoadImage``."""
    return any(_loads(step) for step in pipeline)


def set_decode_options(node, options: DecodeOptions) -> None:
    """Set the options of every ``LoadImage`` in a config, or a part of one.

    Args:
        node (Config | dict | list): Changed in place.
        options (DecodeOptions): Of them, what was chosen.
    """
    if isinstance(node, Config):
        node = node._cfg_dict
    if isinstance(node, (list, tuple)):
        for value in node:
            set_decode_options(value, options)
    elif isinstance(node, dict):
        if _loads(node):
            node.update(options.as_config())
        for value in node.values():
            set_decode_options(value, options)


def _loads(step: dict) -> bool:
    kind = step.get('type')
    return kind is LoadImage or str(kind).rsplit('.', 1)[-1] == 'LoadImage'
