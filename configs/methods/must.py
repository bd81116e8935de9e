# MUST, without masked images: self-training with an averaged teacher (arXiv
# 2206.02967). The paper has OpenAI's ViT-B/16 and no EuroSAT: lr, threshold
# and epochs lie in the middle of its ranges.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/self_training.py',
    '../_base_/method_runtime.py',
]
method = ['must']
views = 'weak_strong'
model = dict(
    type='mmlatte.MUSTClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    clip=dict(freeze_text=True),
    threshold=0.5,
    decay=(0.999, 0.9998),
    decay_steps=2000,
)
train_dataloader = dict(
    batch_size=64, dataset=dict(pipeline={{_base_.pipelines.weak_strong}})
)
optim_wrapper = dict(optimizer=dict(lr=1e-5))
param_scheduler = dict(end=30)
train_cfg = dict(max_epochs=30)
