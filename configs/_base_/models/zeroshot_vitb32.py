# CLIP as it is, open_clip's ViT-B/32 (LAION-2B).
model = dict(
    type='mmlatte.ZeroShotCLIP',
    clip=dict(
        type='mmlatte.OpenCLIP',
        model_name='ViT-B-32',
        pretrained='laion2b_s34b_b79k',
    ),
    class_names=None,  # given by the config of the data set
    templates='a photo of a {}.',
    data_preprocessor=dict(
        mean=[122.7709383, 116.7460125, 104.09373615],
        std=[68.5005327, 66.6321579, 70.32316305],
        to_rgb=True,
    ),
)
