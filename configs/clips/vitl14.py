# ViT-L/14 of open_clip, trained on LAION-2B.
_base_ = '../_base_/pipelines_224.py'
model = dict(
    clip=dict(
        type='mmlatte.OpenCLIP',
        model_name='ViT-L-14',
        pretrained='laion2b_s32b_b82k',
    ),
    data_preprocessor=dict(
        mean=[127.5] * 3,
        std=[127.5] * 3,
        to_rgb=True,
    ),
)
