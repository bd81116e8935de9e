"""What of a CLIP trains: config key ``model.clip.tuning``."""

from .adapter_tuning import AdapterTuning
from .block_tuning import BlockTuning
from .frozen_prefix import FrozenPrefix
from .lora_tuning import LoRATuning
from .norm_tuning import NormTuning
from .prompt_tuning import PromptTuning
from .singular_value_tuning import SingularValueTuning
from .tuning import Tuning

__all__ = [
    'AdapterTuning',
    'BlockTuning',
    'FrozenPrefix',
    'LoRATuning',
    'NormTuning',
    'PromptTuning',
    'SingularValueTuning',
    'Tuning',
]
