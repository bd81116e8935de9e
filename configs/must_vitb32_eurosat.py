# MUST without masking on EuroSAT (arXiv 2206.02967), on open_clip's ViT-B/32
# (LAION-2B). The paper has OpenAI's ViT-B/16 and no EuroSAT: lr, threshold and
# epochs lie in the middle of its ranges.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_views.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.MUSTClassifier',
    clip=dict(freeze_text=True),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    threshold=0.5,
    decay=(0.999, 0.9998),
    decay_steps=2000,
)
optim_wrapper = dict(optimizer=dict(lr=1e-5))
param_scheduler = dict(end=30)
train_cfg = dict(max_epochs=30)
