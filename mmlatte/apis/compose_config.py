"""Composing a config from its parts: a method, a data set, a CLIP."""

import os.path as osp
from pathlib import Path

from mmengine.config import Config, ConfigDict

from mmlatte.configs_folder import configs_folder
from mmlatte.datasets.wrappers import with_pipeline

__all__ = ['compose_config']

#: What is taken where a method stands alone.
DEFAULTS = {'data': 'eurosat', 'clip': 'vitb32'}
LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')
#: Words between parts; a composed config has no use for them.
BETWEEN_PARTS = (
    *('method', 'views', 'transductive', 'pipelines', 'load', 'resize'),
    *('augment', 'weak', 'strong', 'crop', 'pack', 'load_and_pack_texts'),
    *('data', 'dataset', 'methods', 'centre'),
)


def compose_config(
    config: str, data: str | None = None, clip: str | None = None
) -> Config:
    """Read a config; complete it if it is the part of a method.

    A method is a config whose model knows no classes yet. What a data set and
    a CLIP set for all methods, and under ``methods`` for this one and those
    that it inherits from, is merged into it; a section that the method has
    set to None stays so. Without `data` and `clip`: EuroSAT and ViT-B/32.

    Args:
        config (str): Path of ``configs/methods/NAME.py``, of a child of it,
            or of a whole config.
        data (str | None): Name in ``configs/data``, or path of a part.
        clip (str | None): Name in ``configs/clips``, or path of a part.

    Returns:
        Config: Whole. A composed one has ``composed_name``,
        ``<method>_<clip>_<data>``.

    Raises:
        FileNotFoundError: If there is no such part.
        ValueError: If `data` or `clip` come with a whole config.
    """
    cfg = read_config_file(config)
    if 'method' not in cfg or cfg.model.get('class_names') is not None:
        if data is not None or clip is not None:
            raise ValueError(
                f'{config} is a whole config: --data and --clip complete a '
                'method, configs/methods/NAME.py; leave them out'
            )
        if 'method' in cfg:
            _drop_words_between_parts(cfg)
        return cfg
    methods = list(cfg.method)
    data_part = _read_part('data', data or DEFAULTS['data'])
    clip_part = _read_part('clip', clip or DEFAULTS['clip'])
    settings = data_part.data
    if cfg.get('transductive'):
        settings.train_dataloader = settings.test_dataloader
    _merge(cfg, settings)
    _merge(cfg, *_of_methods(data_part, methods))
    _merge(cfg, ConfigDict(model=clip_part.model))
    _set_loaders(cfg, clip_part)
    _merge(cfg, *_of_methods(clip_part, methods))
    names = (clip or DEFAULTS['clip'], data or DEFAULTS['data'])
    name = '_'.join([methods[-1], *(Path(name).stem for name in names)])
    _drop_words_between_parts(cfg)
    return Config(dict(cfg.to_dict(), composed_name=name), filename=config)


def read_config_file(path: str) -> Config:
    """Read a config; one that is no Python is named.

    Args:
        path (str): The file.

    Raises:
        ValueError: If it cannot be parsed.
    """
    try:
        return Config.fromfile(path)
    except SyntaxError as error:
        raise ValueError(
            f"config '{path}' (or one that it inherits), line {error.lineno}: "
            f'{error.msg}: {(error.text or "").strip()}'
        ) from None


def _drop_words_between_parts(cfg: Config) -> None:
    for key in BETWEEN_PARTS:
        cfg.pop(key, None)


def _read_part(kind: str, name: str) -> Config:
    """Read a part by its name, or by its path."""
    if osp.splitext(name)[1]:
        if not osp.isfile(name):
            raise FileNotFoundError(f'--{kind} {name}: there is no such file')
        return read_config_file(name)
    folder = configs_folder() / {'data': 'data', 'clip': 'clips'}[kind]
    known = sorted(path.stem for path in folder.glob('*.py'))
    if name not in known:
        raise FileNotFoundError(
            f'--{kind} {name}: there is none of this name; choose from '
            f'{", ".join(known)}, or give the path of a part'
        )
    return Config.fromfile(str(folder / f'{name}.py'))


def _of_methods(part: Config, methods: list[str]) -> list[ConfigDict]:
    """What a part sets for a method, after what it inherits from."""
    own = part.get('methods', {})
    return [own[method] for method in methods if method in own]


def _merge(cfg: Config, *overlays: ConfigDict) -> None:
    """Merge settings into those sections that the method has not left out."""
    for overlay in overlays:
        kept = {
            key: value
            for key, value in overlay.to_dict().items()
            if cfg.get(key, overlay) is not None
        }
        merged = Config._merge_a_into_b(kept, cfg._cfg_dict)
        cfg._cfg_dict.update(merged)


def _set_loaders(cfg: Config, clip: Config) -> None:
    """Prepare images as the CLIP needs them."""
    cfg.train_pipeline = clip.pipelines[cfg.views]
    cfg.test_pipeline = clip.test_pipeline
    for key in LOADERS:
        loader = cfg.get(key)
        if loader is None:
            continue
        loader.update(clip.get('loaders', {}))
        train = key == 'train_dataloader'
        loader.dataset = with_pipeline(
            loader.dataset, cfg.train_pipeline if train else cfg.test_pipeline
        )
