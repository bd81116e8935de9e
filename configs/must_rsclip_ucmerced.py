# MUST without masking on UC Merced with the small CLIP of the test assets; see
# must_rsclip_eurosat.py.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip_views.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.MUSTClassifier',
    clip=dict(freeze_text=True),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    threshold=0.5,
    decay=(0.99, 0.99),
)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
