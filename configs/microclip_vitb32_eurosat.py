# MicroCLIP on EuroSAT with the published hyper-parameters (arXiv 2510.02270),
# on open_clip's ViT-B/32 (LAION-2B); the paper has OpenAI's. `descriptions`:
# CuPL's sentences, a JSON of {class name: [sentence, ...]}.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_views.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.MicroCLIPClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    descriptions='data/class_descriptions/cupl_eurosat.json',
    fixed_share=0.5,
    fairness_weight=1.0,
    crops=8,
)
# Square crops of half to nine tenths of the shorter side.
crop = dict(
    type='mmpretrain.RandomResizedCrop',
    scale=224,
    crop_ratio_range=(0.25, 0.81),
    aspect_ratio_range=(1.0, 1.0),
    backend='pillow',
    interpolation='bicubic',
)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.train_dataloader.dataset.pipeline[:3],
            dict(
                type='mmpretrain.MultiView',
                num_views=[1, 1, 8],
                transforms=[_base_.weak, _base_.strong, [crop]],
            ),
            _base_.test_pipeline[-1],
        ]
    )
)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = dict(end=15)
train_cfg = dict(max_epochs=15)
