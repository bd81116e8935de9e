import difflib
import math
from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_data_config
from torch import nn

from mmlatte.models.clip.fetching import reach_hub
from mmlatte.registry import MODELS

from .frozen_encoder import FrozenEncoder


@MODELS.register_module()
class TimmEncoder(FrozenEncoder):
    """Any model of timm, with the preprocessing of its own data config.

    Its features are those before the classifier.

    Args:
        model_name (str): Name in timm, with or without a tag, such as
            ``'vit_base_patch14_reg4_dinov2'``.
        checkpoint_path (str, optional): File of the weights, as timm loads it.
            Defaults to timm's own, out of the cache of the hub or its
            network.
        image_size (int, optional): Side of its square input. Defaults to that
            of the data config (518 for DINOv2).
        pool (str, optional): timm's ``global_pool``. Defaults to the model's
            own; of DINO's transformers, to ``'token'``, the class token.
        load_weights (bool): False builds the same model with random weights
            and fetches none, for a checkpoint that brings them. Defaults to
            True.

    Raises:
        RuntimeError: If there is no such model, if its weights cannot be had,
            or if the file is of another model.
    """

    def __init__(
        self,
        model_name: str,
        checkpoint_path: str | None = None,
        image_size: int | None = None,
        pool: str | None = None,
        load_weights: bool = True,
    ) -> None:
        architecture = model_name.split('.')[0]
        if not timm.is_model(architecture):
            raise RuntimeError(_unknown(architecture))
        tags = timm.list_pretrained(f'{architecture}.*')
        if model_name not in (architecture, *tags):
            raise RuntimeError(
                f"timm has no weights '{model_name}'; name one of {tags}, or "
                f"'{architecture}' with checkpoint_path"
            )
        known = timm.get_pretrained_cfg(model_name)
        options: dict[str, Any] = {}
        if image_size is not None and known.fixed_input_size:
            options['img_size'] = image_size
        if load_weights and checkpoint_path is None:
            _check_reachable(model_name, known)
        if checkpoint_path is not None:
            checkpoint_path = str(Path(checkpoint_path).expanduser())
            if load_weights and not Path(checkpoint_path).is_file():
                raise RuntimeError(
                    f"timm:{model_name}: the weights file '{checkpoint_path}' "
                    'does not exist; put it there'
                )
            options['pretrained_cfg_overlay'] = dict(file=checkpoint_path)
        try:
            model = timm.create_model(
                model_name, pretrained=load_weights, **options
            )
        except Exception as error:
            reason = '\n'.join(str(error).splitlines()[:4])
            raise RuntimeError(
                f"Cannot load '{checkpoint_path or model_name}' as "
                f'timm:{model_name}: {reason}\nGive checkpoint_path a file of '
                'all weights of this very model, its own classifier '
                'included, under the names that timm has.'
            ) from error
        if pool is None and 'dino' in model_name and 'vit' in model_name:
            pool = 'token'
        model.reset_classifier(0, *[pool] * (pool is not None))
        size, preprocess = _preprocessing(model, image_size)
        super().__init__(
            model_name, model, model.num_features, size, preprocess
        )
        self.pool = pool

    def facts(self) -> list:
        """Return what features depend on beside weights."""
        return [*super().facts(), self.model_name.split('.')[0], self.pool]


def _preprocessing(
    model: nn.Module, image_size: int | None
) -> tuple[tuple[int, int], dict[str, Any]]:
    """Return timm's evaluation transform as facts."""
    own = {'input_size': (3, image_size, image_size)} if image_size else {}
    config = resolve_data_config(own, model=model)
    _, height, width = config['input_size']
    mode = {'center': 'shortest', 'squash': 'squash'}.get(config['crop_mode'])
    if mode is None or height != width:
        raise RuntimeError(
            f'timm prepares images of {config["architecture"]} in a way that '
            f'is not known here (crop_mode={config["crop_mode"]!r}, '
            f'{height} x {width}); choose another model'
        )
    return (height, width), dict(
        mean=[*config['mean']],
        std=[*config['std']],
        interpolation=config['interpolation'],
        resize_mode=mode,
        resize=math.floor(height / config['crop_pct']),
    )


def _check_reachable(model_name: str, known) -> None:
    """Ask the hub once; timm's own download retries for most of a minute.

    Raises:
        RuntimeError: If the weights are neither cached nor reachable.
    """
    if not known.hf_hub_id:
        return
    files = ['model.safetensors', 'pytorch_model.bin']
    try:
        reach_hub(known.hf_hub_id, files, None)
    except RuntimeError as error:
        raise RuntimeError(
            f'timm:{model_name}: {error} Or give checkpoint_path the file of '
            'the weights.'
        ) from error


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, timm.list_models(), n=5)
    hint = f' Did you mean {", ".join(close)}?' if close else ''
    return f"timm has no model '{name}'.{hint} All: timm.list_models()"
