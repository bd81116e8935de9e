# The run of a method that needs frozen CLIP's features and labels of the
# training images, and no LMM.
_base_ = ['./default_runtime.py']

default_hooks = dict(
    # Draws depend on (seed, epoch, sample), not on worker, rank or resume.
    sample_seed=dict(type='mmlatte.SampleSeedHook'),
    # Frozen CLIP: features and zero-shot labels, once ever.
    zero_shot_label=dict(
        type='mmlatte.ZeroShotLabelHook', cache_dir='data/mmlatte_cache'
    ),
    frozen_features=dict(type='mmlatte.FrozenFeaturesHook'),
    summary=dict(type='mmlatte.RunSummaryHook'),
)
