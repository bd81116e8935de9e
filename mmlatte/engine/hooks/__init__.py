from .cached_prefix_hook import CachedPrefixHook
from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .frozen_features_hook import FrozenFeaturesHook
from .label_free_schedule_hook import LabelFreeScheduleHook
from .lmm_answers_hook import LMMAnswersHook
from .lmm_text_synth_hook import LMMTextSynthHook
from .prototype_ema_hook import PrototypeEMAHook
from .return_memory_hook import ReturnMemoryHook
from .run_summary_hook import RunSummaryHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .sample_seed_hook import SampleSeedHook
from .zero_shot_label_hook import ZeroShotLabelHook

__all__ = [
    'CachedPrefixHook',
    'DeferredRuntimeInfoHook',
    'FrozenFeaturesHook',
    'LMMAnswersHook',
    'LMMTextSynthHook',
    'LabelFreeScheduleHook',
    'PrototypeEMAHook',
    'ReturnMemoryHook',
    'RunSummaryHook',
    'SafeCheckpointHook',
    'SampleSeedHook',
    'ZeroShotLabelHook',
]
