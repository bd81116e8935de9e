# NoLA: a head on DINO's features learns confident zero-shot labels, and labels
# the images for CLIP (arXiv 2411.19346). With the published hyper-parameters,
# without its visual prompts and without labelled validation. `descriptions`: a
# JSON of {class name: [sentence, ...]} that a language model wrote; optional.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/self_training.py',
    '../_base_/method_runtime.py',
]
method = ['nola']
views = 'strong'
model = dict(
    type='mmlatte.NoLAClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    descriptions=None,
)
default_hooks = dict(
    frozen_features=dict(
        second_encoder=dict(
            type='mmlatte.TimmEncoder',
            model_name='vit_base_patch16_224.dino',
        )
    )
)
train_dataloader = dict(
    batch_size=512, dataset=dict(pipeline={{_base_.pipelines.strong}})
)
optim_wrapper = dict(optimizer=dict(lr=4e-3, weight_decay=0.01))
# The rate stays what it is.
param_scheduler = dict(
    _delete_=True, type='ConstantLR', factor=1.0, by_epoch=True, end=50
)
train_cfg = dict(max_epochs=50)
