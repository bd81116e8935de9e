# DPA on EuroSAT with the published hyper-parameters (arXiv 2408.08855), on
# open_clip's ViT-B/32 (LAION-2B); the paper has OpenAI's.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_views.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.DPAClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names={{_base_.class_names}},
    templates=[
        'a centered satellite photo of {}.',
        'a centered satellite photo of a {}.',
        'a centered satellite photo of the {}.',
    ],
    image_share=0.5,
    fairness_weight=1.0,
    align_weight=0.01,
    align_scale=1.0,
)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(end=10)
train_cfg = dict(max_epochs=10)
