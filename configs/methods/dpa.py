# DPA: self-training on pseudo-labels of image and text prototypes (arXiv
# 2408.08855). With the published hyper-parameters; the paper has OpenAI's
# ViT-B/32.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/self_training.py',
    '../_base_/method_runtime.py',
]
method = ['dpa']
views = 'weak_strong'
model = dict(
    type='mmlatte.DPAClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    image_share=0.5,
    fairness_weight=1.0,
    align_weight=0.01,
    align_scale=1.0,
)
train_dataloader = dict(
    batch_size=64, dataset=dict(pipeline={{_base_.pipelines.weak_strong}})
)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(end=10)
train_cfg = dict(max_epochs=10)
