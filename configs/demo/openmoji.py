# 429 pictograms of OpenMoji in 11 classes, drawn from pip packages when they
# are absent (extra `demo`).
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
train = [
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
test = [
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
dataset = dict(
    type='mmlatte.OpenMoji',
    data_root='data/demo',
    metainfo=dict(classes=class_names),
)
loader = dict(num_workers=0, persistent_workers=False)
tested = dict(
    batch_size=64,
    dataset=dict(split='test', pipeline=test, **dataset),
    **loader,
)
data = dict(
    model=dict(
        # The CLIP of the demo: README.md in this folder describes it.
        clip=dict(
            type='mmlatte.DemoCLIP',
            model_name='local-dir:data/demo/clip',
            pretrained=None,
        ),
        class_names=class_names,
        templates=templates,
        data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
    ),
    train_dataloader=dict(
        batch_size=32,
        dataset=dict(split='train', pipeline=train, **dataset),
        **loader,
    ),
    test_pipeline=test,
    val_dataloader=tested,
    test_dataloader=tested,
)
