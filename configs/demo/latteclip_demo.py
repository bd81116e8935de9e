# LatteCLIP in a few minutes on two CPU cores, with nothing to download:
# weights and images come with the pip packages of the `demo` extra.
# README.md in this folder describes them.
_base_ = ['../methods/latteclip.py', './openmoji.py']
locals().update(_base_.data)
model = dict(
    **_base_.data.model,
    head=dict(loss=dict(positives='class')),
    memory=dict(momentum=0.05),
)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(warmup=5, end=5)
train_cfg = dict(max_epochs=5, val_interval=5)

default_hooks = dict(
    logger=dict(interval=4),
    checkpoint=dict(interval=1),
    zero_shot_label=dict(cache_dir='data/demo/cache', num_workers=0),
    text_synth=dict(
        # No LMM: the three ImageNet names nearest to an image.
        lmm=dict(
            _delete_=True,
            type='mmlatte.TagCaptioner',
            clip=dict(model_name='local-dir:data/demo/clip'),
            phrases='data/demo/clip/imagenet_names.txt',
            top_k=3,
            template='a picture of {}.',
        ),
        store_dir='data/demo/cache',
        image_prompt='Describe the object in the picture concisely.',
        group_prompt='Describe what the objects in all the pictures share.',
    ),
)
