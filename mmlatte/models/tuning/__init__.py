"""What of a CLIP trains: config key ``model.clip.tuning``."""

from .block_tuning import BlockTuning
from .lora_tuning import LoRATuning
from .norm_tuning import NormTuning
from .tuning import Tuning

__all__ = ['BlockTuning', 'LoRATuning', 'NormTuning', 'Tuning']
