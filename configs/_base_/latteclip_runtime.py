# The run of a method that trains on LMM texts. The hooks are a dict, so that
# a child config or --cfg-options can change one setting by its name, e.g.
# default_hooks.text_synth.lmm.model=...
_base_ = ['./default_runtime.py']

default_hooks = dict(
    # Draws depend on (seed, epoch, sample), not on worker, rank or resume.
    sample_seed=dict(type='mmlatte.SampleSeedHook'),
    # Frozen CLIP: features and zero-shot labels, once ever.
    zero_shot_label=dict(
        type='mmlatte.ZeroShotLabelHook', cache_dir='data/mmlatte_cache'
    ),
    # The LMM writes what is still missing.
    text_synth=dict(
        type='mmlatte.LMMTextSynthHook',
        lmm=dict(
            type='mmlatte.TransformersLMM',
            model='llava-hf/llava-v1.6-mistral-7b-hf',
            load_in_4bit=True,
        ),
        store_dir='data/mmlatte_cache',
        image_prompt=None,  # given by the config of the data set
        group_prompt=None,
        group=dict(size=4, grid=(2, 2), canvas=672, gap=20),
    ),
    # Answers about a few images, if there are some: the option `answers`.
    frozen_features=dict(type='mmlatte.FrozenFeaturesHook'),
    prototype_ema=dict(type='mmlatte.PrototypeEMAHook'),
    summary=dict(type='mmlatte.RunSummaryHook'),
)
