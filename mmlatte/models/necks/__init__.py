from .dynamic_feature_mixer import (
    DynamicFeatureMixer,
    mix_texts,
    text_margins,
)

__all__ = ['DynamicFeatureMixer', 'mix_texts', 'text_margins']
