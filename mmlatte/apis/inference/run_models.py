from dataclasses import dataclass
from pathlib import Path

from .inferencer import Inferencer
from .load_classifier import frozen_config

__all__ = ['RunModels']


@dataclass
class RunModels:
    """The model of a run and the CLIP it started from, to look at images.

    Files whose features the run has in its cache are not read again, nor are
    those that one of the two has read before.

    Args:
        adapted (Inferencer): The run's last checkpoint.
        frozen (Inferencer): The frozen CLIP, with the same classes.
    """

    adapted: Inferencer
    frozen: Inferencer

    @classmethod
    def open(cls, run: str | Path, device: str | None = None) -> 'RunModels':
        """Load both models.

        Args:
            run (str | Path): Work folder of the run.
            device (str, optional): Defaults to the GPU if there is one.
        """
        adapted = Inferencer(str(run), device=device)
        frozen = Inferencer(
            frozen_config(adapted.config),
            classes=adapted.classes,
            device=device,
        )
        hooks = adapted.config.get('default_hooks') or {}
        cache_dir = (hooks.get('zero_shot_label') or {}).get('cache_dir')
        # A run may have been moved without its cache.
        if cache_dir is not None and Path(cache_dir).is_dir():
            for inferencer in (adapted, frozen):
                inferencer.use_features(cache_dir)
            if adapted.known.folders == frozen.known.folders:
                # One tower: what one of them reads, the other knows.
                adapted.known = frozen.known
        return cls(adapted, frozen)
