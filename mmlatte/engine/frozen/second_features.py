"""The frozen pass of a second encoder."""

import dataclasses

import numpy as np
from torch import nn
from torch.utils.data import Dataset

from mmlatte.datasets.clip_pipeline import (
    clip_data_preprocessor,
    clip_eval_pipeline,
)
from mmlatte.datasets.decode_options_of import (
    pipeline_options,
    set_decode_options,
)
from mmlatte.registry import MODELS

from .features_key import features_key
from .frozen_pass import FrozenPass

__all__ = ['EncoderLook', 'second_features', 'short_name']


class EncoderLook(nn.Module):
    """What a frozen pass needs of a model: an encoder, and pixels for it.

    Args:
        encoder (nn.Module): A `FrozenEncoder`, or an `OpenCLIP`.
        load (dict): How images are loaded, the first step of a pipeline.
    """

    def __init__(self, encoder: nn.Module, load: dict) -> None:
        super().__init__()
        self.clip = encoder
        self.pipeline = clip_eval_pipeline(
            encoder.image_size, encoder.preprocess
        )
        set_decode_options(self.pipeline, pipeline_options([load]))
        self.data_preprocessor = MODELS.build(
            clip_data_preprocessor(encoder.preprocess)
        ).to(next(encoder.parameters()).device)

    @property
    def key(self) -> str:
        """str: What names its features on disk, see `features_key`."""
        clip = self.clip.fingerprint()
        return features_key(clip, self.pipeline, self.data_preprocessor)


def second_features(
    encoder: nn.Module, clip_pass: FrozenPass, dataset: Dataset
) -> np.ndarray:
    """Return the features of images that CLIP has encoded, (N, D) float32.

    They are kept beside those of CLIP, under the encoder's own identity.

    Args:
        encoder (nn.Module): A `FrozenEncoder`, or an `OpenCLIP`; on its
            device.
        clip_pass (FrozenPass): Of CLIP, with its pipeline.
        dataset (Dataset): The images.
    """
    look = EncoderLook(encoder, clip_pass.pipeline[0])
    own_pass = dataclasses.replace(clip_pass, pipeline=look.pipeline)
    return own_pass.features(look, dataset, encoder.fingerprint())


def short_name(encoder: nn.Module) -> str:
    """Return what an encoder is called in reports: no path."""
    return encoder.model_name.rsplit('/', 1)[-1]
