# NtUA on UC Merced with the small CLIP of the test assets. No LLM sentences
# about these classes are there, so that CLIP is its own teacher: what it gains
# is owed to the cache alone.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.NtUAClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    shots=16,
    alpha=1.0,
    beta=5.5,
)
default_hooks = dict(
    frozen_features=dict(teacher=dict(clip={{_base_.model.clip}}))
)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.01))
param_scheduler = dict(end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
