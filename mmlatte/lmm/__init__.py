"""What talks to large multimodal models, and keeps what they say."""

from . import asking, backends, store
from .asking import *  # noqa: F403
from .backends import *  # noqa: F403
from .store import *  # noqa: F403

__all__ = [*asking.__all__, *backends.__all__, *store.__all__]
