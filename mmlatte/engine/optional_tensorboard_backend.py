from importlib.util import find_spec

from mmengine.config import Config
from mmengine.visualization import TensorboardVisBackend

from mmlatte.registry import VISBACKENDS


@VISBACKENDS.register_module()
class OptionalTensorboardVisBackend(TensorboardVisBackend):
    """Log to TensorBoard where it is installed, else do nothing.

    Args:
        save_dir (str): Folder of the event files.
    """

    def __init__(self, save_dir: str) -> None:
        self.available = find_spec('tensorboard') is not None
        super().__init__(save_dir)

    def add_config(self, config: Config, **kwargs) -> None:
        """Record the config."""
        if self.available:
            super().add_config(config, **kwargs)

    def add_image(self, *args, **kwargs) -> None:
        """Record an image."""
        if self.available:
            super().add_image(*args, **kwargs)

    def add_scalar(self, *args, **kwargs) -> None:
        """Record a value."""
        if self.available:
            super().add_scalar(*args, **kwargs)

    def add_scalars(self, *args, **kwargs) -> None:
        """Record several values."""
        if self.available:
            super().add_scalars(*args, **kwargs)
