# Pipelines and loaders that the data sets share: CLIP's 224 pixels. The config
# of a data set gives both loaders their `dataset`.
# Labels leave the samples first: no transform and no model sees them.
train_pipeline = [
    dict(type='mmlatte.DropLabels'),
    dict(type='mmlatte.SeedPerSample'),
    dict(type='mmlatte.LoadImage'),
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=224,
        crop_ratio_range=(0.9, 1.0),
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.NumpyToPIL', to_rgb=True),
    dict(
        type='RandomApply',
        prob=0.8,
        transforms=[
            dict(
                type='mmpretrain.torchvision/ColorJitter',
                brightness=0.5,
                contrast=0.5,
                saturation=0.5,
                hue=0.1,
            )
        ],
    ),
    dict(type='mmpretrain.torchvision/RandomGrayscale', p=0.2),
    dict(type='mmpretrain.PILToNumpy', to_bgr=True),
    dict(type='mmlatte.LoadTexts'),
    dict(
        type='mmpretrain.PackInputs',
        algorithm_keys=(
            'zero_shot_label',
            'image_text',
            'group_text',
            'image_tokens',
            'group_tokens',
        ),
        meta_keys=('sample_id', 'sample_idx', 'img_path'),
    ),
]
test_pipeline = [
    dict(type='mmlatte.LoadImage'),
    dict(
        type='mmpretrain.ResizeEdge',
        scale=224,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size=224),
    dict(
        type='mmpretrain.PackInputs',
        meta_keys=('sample_id', 'sample_idx', 'img_path'),
    ),
]


train_dataloader = dict(
    batch_size=512,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmlatte.GlobalBatchSampler'),
    collate_fn=dict(type='mmlatte.stack_samples'),
    dataset=dict(split='train', pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='mmlatte.stack_samples'),
    dataset=dict(split='test', pipeline=test_pipeline),
)
val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
