# NtUA: a cache of few images that a larger CLIP, ViT-L/14, labels; our reading
# of arXiv 2309.14928, no code is public. The paper has OpenAI's CLIPs.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/self_training.py',
    '../_base_/method_runtime.py',
]
method = ['ntua']
model = dict(
    type='mmlatte.NtUAClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    shots=16,
    alpha=1.0,
    beta=5.5,
)
default_hooks = dict(
    frozen_features=dict(
        teacher=dict(
            clip=dict(
                type='mmlatte.OpenCLIP',
                model_name='ViT-L-14',
                pretrained='laion2b_s32b_b82k',
            )
        )
    )
)
# Only the keys train.
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.01))
param_scheduler = dict(end=20)
train_cfg = dict(max_epochs=20)
