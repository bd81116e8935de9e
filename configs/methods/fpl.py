# FPL: learns from the 16 images of each class of which frozen CLIP is most
# confident (arXiv 2306.01669). With norm tuning: the paper tunes prompts (SGD,
# lr 0.1, 150 epochs a round); norms need a small lr.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/self_training.py',
    '../_base_/method_runtime.py',
]
method = ['fpl']
model = dict(
    type='mmlatte.PseudoLabelClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    selection=dict(type='mmlatte.TopKSelection', k=16),
    rounds=1,
)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = dict(end=20)
train_cfg = dict(max_epochs=20)
