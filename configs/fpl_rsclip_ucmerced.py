# FPL, few pseudo-labels, on UC Merced with the small CLIP of the test assets;
# see fpl_rsclip_eurosat.py.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.PseudoLabelClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    schedule=dict(type='mmlatte.TopKSchedule', k=16),
    rounds=1,
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(end=5)
train_cfg = dict(max_epochs=5, val_interval=5)
