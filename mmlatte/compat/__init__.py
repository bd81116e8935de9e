"""Workarounds for upstream, and the version gate.

Nothing else in mmlatte works around another package. Every entry names the
upstream version that makes it removable.
"""

import functools
import sys
import warnings
from importlib import metadata, util

from .open_clip_imports import import_open_clip_without_transformers
from .safe_checkpoints import load_from_local, register_safe_checkpoint_loader
from .versions import check_versions, release

__all__ = [
    'apply',
    'apply_to_engine',
    'check_versions',
    'import_open_clip_without_transformers',
    'load_from_local',
]


def apply() -> None:
    """Apply what concerns configs; imports no torch."""
    register_config_scope()
    silence_missing_operators()
    format_configs_once()


def apply_to_engine() -> None:
    """Apply what concerns mmengine's Runner and mmpretrain.

    `mmlatte.registry` calls it, since nothing runs without the registries.
    Safe to call twice.
    """
    import_runner_without_transformers()
    disable_mmpretrain_multimodal()
    register_safe_checkpoint_loader()


def register_config_scope() -> None:
    """Make ``_base_ = 'mmlatte::...'`` resolve.

    mmengine keeps a fixed table of package names (open-mmlab/mmengine#1410);
    removable when it looks up installed packages itself.
    """
    from mmengine.config.utils import MODULE2PACKAGE

    MODULE2PACKAGE.setdefault('mmlatte', 'mmlatte')


def silence_missing_operators() -> None:
    """Do not warn at every start that mmcv's compiled operators are absent.

    mmlatte needs none of them. Removable when mmcv imports them lazily (2.2.0
    and the forks up to 2.3.6 warn on import).
    """
    warnings.filterwarnings(
        'ignore', message='Fail to import ``MultiScaleDeformableAttention``'
    )


def format_configs_once() -> None:
    """Keep the text of a config, which mmengine formats for every use.

    yapf takes a second for a config of mmlatte, and a run asks for the text
    five times before it starts and then for every checkpoint. Removable when
    mmengine keeps it (0.10.7 and the forks up to 0.10.12 do not).
    """
    from mmengine.config import Config

    format_text = Config.pretty_text.fget
    if hasattr(format_text, '__wrapped__'):
        return
    texts: dict[str, str] = {}

    @functools.wraps(format_text)
    def pretty_text(self) -> str:
        key = repr((self._format_python_code, self.to_dict()))
        if key not in texts:
            if len(texts) == 8:
                texts.clear()
            texts[key] = format_text(self)
        return texts[key]

    Config.pretty_text = property(pretty_text)


def import_runner_without_transformers() -> None:
    """Import mmengine's Runner, and not transformers with it.

    Importing ``mmengine.optim`` registers one optimizer of transformers,
    which costs a second and more (with peft, where that is installed). It is
    imported when a config names it instead. Removable when mmengine does so
    (0.10.7 and the forks up to 0.10.12 do not).
    """
    if 'mmengine.optim' in sys.modules or 'transformers' in sys.modules:
        return
    sys.modules['transformers'] = None  # type: ignore[assignment]
    try:
        import mmengine.runner  # noqa: F401
    finally:
        del sys.modules['transformers']
    from mmengine.registry import OPTIMIZERS

    if util.find_spec('transformers') is not None:
        OPTIMIZERS.register_module(name='Adafactor', module=_adafactor)


def _adafactor(*args, **kwargs):
    from transformers import Adafactor

    return Adafactor(*args, **kwargs)


def disable_mmpretrain_multimodal() -> None:
    """Keep mmpretrain importable beside a current transformers.

    Its BLIP code subclasses names that transformers removed: with
    pycocotools installed, importing ``mmpretrain.models`` fails for 1.2.0
    with transformers >= 4.57 and for the forks up to 1.3.6 with
    transformers >= 5. mmlatte uses none of those models. Removable when
    mmpretrain supports transformers 5.
    """
    try:
        transformers = release(metadata.version('transformers'))
    except metadata.PackageNotFoundError:
        return
    if transformers < (4, 50):
        return
    from mmpretrain.utils import dependency

    dependency.WITH_MULTIMODAL = False
