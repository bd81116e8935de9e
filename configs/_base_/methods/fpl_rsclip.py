# FPL, few pseudo-labels (arXiv 2306.01669), with norm tuning of the small CLIP
# of the test assets: the 16 images that frozen CLIP is surest of, per class.
_base_ = [
    '../models/zeroshot_rsclip.py',
    '../schedules/self_training.py',
    '../method_runtime.py',
]
model = dict(
    type='mmlatte.PseudoLabelClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    selection=dict(type='mmlatte.TopKSelection', k=16),
    rounds=1,
)
# As DPA on this tower: few parameters, few steps.
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(end=5)
train_cfg = dict(max_epochs=5, val_interval=5)
