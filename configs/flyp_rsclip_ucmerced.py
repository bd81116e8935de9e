# FLYP on zero-shot labels with the small CLIP of the test assets on UC Merced.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
    './_base_/schedules/latteclip.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.FLYPClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
)
# As LatteCLIP on this CLIP, which learns faster than a large one; beyond a few
# epochs it learns the errors of its fixed labels.
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(warmup=10, end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
