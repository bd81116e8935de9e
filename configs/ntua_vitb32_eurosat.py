# NtUA on EuroSAT, our reading of arXiv 2309.14928, on open_clip's CLIPs
# (LAION-2B); the paper has OpenAI's. The teacher is a larger CLIP, ViT-L/14.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_no_texts.py',
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
