# 429 pictograms of OpenMoji in 11 classes, drawn from pip packages when they
# are absent (extra `demo`).
data_root = 'data/demo'
class_names = [
    'animal',
    'bird',
    'insect',
    'fruit',
    'food',
    'vehicle',
    'building',
    'clothing',
    'tool',
    'clock',
    'flag',
]

templates = 'a photo of a {}.'

# Labels leave the samples first: no transform and no model sees them.
train_pipeline = [
    dict(type='mmlatte.DropLabels'),
    dict(type='mmlatte.SeedPerSample'),
    dict(type='mmlatte.LoadImage'),
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=160,
        crop_ratio_range=(0.7, 1.0),
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.RandomFlip', prob=0.5, direction='horizontal'),
    dict(type='mmpretrain.ColorJitter', brightness=0.2, contrast=0.2),
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
        scale=160,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size=160),
    dict(
        type='mmpretrain.PackInputs',
        meta_keys=('sample_id', 'sample_idx', 'img_path'),
    ),
]
train_dataloader = dict(
    batch_size=32,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmlatte.GlobalBatchSampler'),
    collate_fn=dict(type='mmlatte.stack_samples'),
    dataset=dict(
        type='mmlatte.OpenMoji',
        data_root=data_root,
        split='train',
        metainfo=dict(classes=class_names),
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=64,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='mmlatte.stack_samples'),
    dataset=dict(
        type='mmlatte.OpenMoji',
        data_root=data_root,
        split='test',
        metainfo=dict(classes=class_names),
        pipeline=test_pipeline,
    ),
)
val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
