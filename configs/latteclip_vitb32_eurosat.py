# LatteCLIP on EuroSAT with the published hyper-parameters (arXiv 2410.08211).
_base_ = [
    './_base_/models/latteclip_vitb32.py',
    './_base_/datasets/eurosat.py',
    './_base_/schedules/latteclip.py',
    './_base_/default_runtime.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
custom_hooks = [
    dict(type='mmlatte.SampleSeedHook'),
    dict(
        type='mmlatte.ZeroShotLabelHook',
        pipeline={{_base_.test_pipeline}},
        cache_dir='data/mmlatte_cache',
    ),
    dict(
        type='mmlatte.LMMTextSynthHook',
        lmm=dict(
            type='mmlatte.TransformersLMM',
            model='llava-hf/llava-v1.6-mistral-7b-hf',
            load_in_4bit=True,
        ),
        store_dir='data/mmlatte_cache',
        image_prompt='Describe the land use in the satellite image concisely, '
        'less than 20 words.',
        group_prompt='Describe the common visual attributes of the land use '
        'in all the satellite images concisely, less than 20 words.',
        group=dict(size=4, grid=(2, 2), canvas=672, gap=20),
    ),
    dict(type='mmlatte.PrototypeEMAHook'),
    dict(type='mmlatte.PlainCheckpointHook'),
    dict(type='mmlatte.RunSummaryHook'),
]
