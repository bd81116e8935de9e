# DPA on UC Merced with the small CLIP of the test assets.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip_views.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.DPAClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    image_share=0.5,
    fairness_weight=1.0,
    align_weight=0.01,
    align_scale=1.0,
)
# The norms of this tower are 42,000 of 4.6 million parameters and a run has
# few steps: they need a larger lr than the published 3e-5.
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
