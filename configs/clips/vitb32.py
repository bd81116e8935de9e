# ViT-B/32 of open_clip, trained on LAION-2B.
_base_ = '../_base_/pipelines_224.py'
model = dict(
    clip=dict(
        type='mmlatte.OpenCLIP',
        model_name='ViT-B-32',
        pretrained='laion2b_s34b_b79k',
    ),
    data_preprocessor=dict(
        mean=[122.7709383, 116.7460125, 104.09373615],
        std=[68.5005327, 66.6321579, 70.32316305],
        to_rgb=True,
    ),
)
