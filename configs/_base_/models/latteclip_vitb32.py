# LatteCLIP on open_clip's ViT-B/32 (LAION-2B), as published.
model = dict(
    type='mmlatte.LatteCLIPClassifier',
    clip=dict(
        type='mmlatte.OpenCLIP',
        model_name='ViT-B-32',
        pretrained='laion2b_s34b_b79k',
    ),
    class_names=None,  # given by the config of the data set
    templates='a photo of a {}.',
    texts=('class', 'image', 'group'),
    neck=dict(type='mmlatte.DynamicFeatureMixer'),
    memory=dict(type='mmlatte.PrototypeMemory', momentum=0.01),
    head=dict(
        type='mmlatte.DualPseudoLabelHead',
        loss=dict(type='mmlatte.ContrastiveLoss', positives='diagonal'),
    ),
    data_preprocessor=dict(
        mean=[122.7709383, 116.7460125, 104.09373615],
        std=[68.5005327, 66.6321579, 70.32316305],
        to_rgb=True,
    ),
)
