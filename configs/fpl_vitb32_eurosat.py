# FPL, few pseudo-labels (arXiv 2306.01669), with norm tuning of open_clip's
# ViT-B/32: the 16 images that frozen CLIP is surest of, per class. The paper
# tunes prompts (SGD, lr 0.1, 150 epochs a round); norms need a small lr.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_no_texts.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.PseudoLabelClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names={{_base_.class_names}},
    templates='a centered satellite photo of {}.',
    selection=dict(type='mmlatte.TopKSelection', k=16),
    rounds=1,
)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = dict(end=20)
train_cfg = dict(max_epochs=20)
