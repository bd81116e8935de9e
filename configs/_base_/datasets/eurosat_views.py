# EuroSAT with a weak and a strong view of every image, as DPA, microCLIP and
# MUST draw them. A method with more views appends to `views`.
_base_ = ['./eurosat.py']
weak = [
    dict(
        type='mmpretrain.ResizeEdge',
        scale=224,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.RandomCrop', crop_size=224),
]
strong = [
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.3, 1.0),
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    # rand-m9-mstd0.5-inc1
    dict(
        type='mmlatte.RandAugment',
        policies='timm_increasing',
        num_policies=2,
        total_level=10,
        magnitude_level=9,
        magnitude_std=0.5,
    ),
]
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        pipeline=[
            *_base_.train_pipeline[:3],
            dict(
                type='mmpretrain.MultiView',
                num_views=[1, 1],
                transforms=[weak, strong],
            ),
            _base_.test_pipeline[-1],
        ]
    ),
)
