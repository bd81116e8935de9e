"""Large multimodal models: backends, prompts, and the store of texts."""

from . import asking, backends, store
from .asking import *  # noqa: F403
from .backends import *  # noqa: F403
from .picture import PictureOptions, fit_picture
from .store import *  # noqa: F403

__all__ = [
    'PictureOptions',
    'fit_picture',
    *asking.__all__,
    *backends.__all__,
    *store.__all__,
]
