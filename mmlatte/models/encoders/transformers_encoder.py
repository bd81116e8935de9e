from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mmlatte.models.clip.fetching import reach_hub
from mmlatte.registry import MODELS

from .frozen_encoder import FrozenEncoder

#: Numbers of Pillow's resampling filters, as processors have them.
INTERPOLATIONS = {0: 'nearest', 1: 'lanczos', 2: 'bilinear', 3: 'bicubic'}


@MODELS.register_module()
class TransformersEncoder(FrozenEncoder):
    """A vision model of transformers, with the preprocessing of its processor.

    Its features are its pooled output, or the class token where the weights
    hold nothing that pools.

    Args:
        model (str): Folder, or name on the hub, such as
            ``'facebook/dinov2-base'``.
        load_weights (bool): False builds the same model with random weights,
            for a checkpoint that brings them. Defaults to True.

    Raises:
        RuntimeError: If it cannot be had, reads texts too, or lacks weights.
    """

    pooled: Tensor

    def __init__(self, model: str, load_weights: bool = True) -> None:
        from transformers import AutoConfig, AutoImageProcessor, AutoModel

        folder = Path(model).expanduser()
        if folder.is_dir():
            model = str(folder)
        else:
            reach_hub(model, ['config.json'], None)
        try:
            processor = AutoImageProcessor.from_pretrained(model)
            if load_weights:
                built, found = AutoModel.from_pretrained(
                    model, output_loading_info=True
                )
                missing = [*found['missing_keys']]
            else:
                built, missing = (
                    AutoModel.from_config(AutoConfig.from_pretrained(model)),
                    [],
                )
        except (OSError, ValueError) as error:
            reason = '\n'.join(str(error).splitlines()[:4])
            raise RuntimeError(
                f"Cannot load '{model}' as a vision model of transformers: "
                f'{reason}\nIt takes a folder with config.json, weights and '
                'preprocessor_config.json.'
            ) from error
        if built.main_input_name != 'pixel_values':
            raise RuntimeError(
                f"'{model}' reads {built.main_input_name}, not images alone: "
                'name a vision model; another CLIP is named open_clip:...'
            )
        lacking = [name for name in missing if 'pooler' not in name]
        if lacking:
            raise RuntimeError(
                f"'{model}' lacks weights ({', '.join(lacking[:3])}): its "
                'config.json is of another model'
            )
        size, preprocess = _preprocessing(model, processor.to_dict())
        super().__init__(
            Path(model).name,
            built.float(),  # checkpoints may be of half precision
            built.config.hidden_size
            if 'hidden_sizes' not in built.config.to_dict()
            else built.config.hidden_sizes[-1],
            size,
            preprocess,
        )
        # Of the weights, not of the config: a checkpoint must bring it.
        self.register_buffer('pooled', torch.tensor(not missing))

    def features(self, images: Tensor) -> Tensor:
        """Return the pooled output, or the class token, (B, D)."""
        found = self.model(pixel_values=images)
        if bool(self.pooled) and found.get('pooler_output') is not None:
            return found['pooler_output'].flatten(1)
        return found['last_hidden_state'][:, 0]

    def facts(self) -> list:
        """Return what features depend on beside weights."""
        config = self.model.config.to_dict()
        own = {k: config[k] for k in sorted(config) if k[0] != '_'}
        own.pop('transformers_version', None)
        return [*super().facts(), repr(own), bool(self.pooled)]


def _preprocessing(
    model: str, facts: dict[str, Any]
) -> tuple[tuple[int, int], dict[str, Any]]:
    """Return what a processor does as facts."""
    size, crop = facts.get('size') or {}, facts.get('crop_size') or {}
    edge = size.get('shortest_edge')
    side = size.get('height')
    if facts.get('do_center_crop') and crop:
        image = (crop['height'], crop['width'])
    else:
        image = (side, size.get('width'))
        edge = None
    rescales = abs(facts.get('rescale_factor', 0) * 255 - 1) < 1e-6
    plain = facts.get('do_resize') and facts.get('do_normalize') and rescales
    if not plain or image[0] is None or image[0] != image[1]:
        raise RuntimeError(
            f"the processor of '{model}' prepares images in a way that is not "
            f'known here (size={size}, crop_size={crop}); choose another model'
        )
    return (int(image[0]), int(image[1])), dict(
        mean=[*facts['image_mean']],
        std=[*facts['image_std']],
        interpolation=INTERPOLATIONS[int(facts['resample'])],
        resize_mode='squash' if edge is None else 'shortest',
        resize=int(edge or side),
    )
