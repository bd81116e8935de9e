# Loaders, and what they do with an image, for a CLIP of 224 pixels. A method
# names one of `pipelines` as its `views`; a CLIP of another size has its own
# `pipelines` and `test_pipeline`.
# Labels leave the samples first: no transform and no model sees them.
load = [
    dict(type='mmlatte.DropLabels'),
    dict(type='mmlatte.SeedPerSample'),
    dict(type='mmlatte.LoadImage'),
]
resize = dict(
    type='mmpretrain.ResizeEdge',
    scale=224,
    edge='short',
    backend='pillow',
    interpolation='bicubic',
)
augment = [
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
]
centre = [resize, dict(type='mmpretrain.CenterCrop', crop_size=224)]
# A weak and a strong view, as DPA, microCLIP and MUST draw them.
weak = [resize, dict(type='mmpretrain.RandomCrop', crop_size=224)]
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
# Square crops of half to nine tenths of the shorter side.
crop = dict(
    type='mmpretrain.RandomResizedCrop',
    scale=224,
    crop_ratio_range=(0.25, 0.81),
    aspect_ratio_range=(1.0, 1.0),
    backend='pillow',
    interpolation='bicubic',
)
pack = dict(
    type='mmpretrain.PackInputs',
    meta_keys=('sample_id', 'sample_idx', 'img_path'),
)
load_and_pack_texts = [
    dict(type='mmlatte.LoadTexts'),
    dict(
        **pack,
        algorithm_keys=(
            'zero_shot_label',
            'image_text',
            'group_text',
            'image_tokens',
            'group_tokens',
        ),
    ),
]
pipelines = dict(
    plain=[*load, *augment, pack],
    strong=[*load, *strong, pack],
    texts=[*load, *augment, *load_and_pack_texts],
    # As evaluation prepares images: for mmlatte.CachedPrefixHook.
    unaugmented=[*load, *centre, pack],
    texts_plain=[*load, *centre, *load_and_pack_texts],
    weak_strong=[
        *load,
        dict(
            type='mmpretrain.MultiView',
            num_views=[1, 1],
            transforms=[weak, strong],
        ),
        pack,
    ],
    weak_strong_crops=[
        *load,
        dict(
            type='mmpretrain.MultiView',
            num_views=[1, 1, 8],
            transforms=[weak, strong, [crop]],
        ),
        pack,
    ],
)
test_pipeline = [
    dict(type='mmlatte.LoadImage'),
    *centre,
    pack,
]

views = 'plain'
train_dataloader = dict(
    batch_size=512,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='mmlatte.GlobalBatchSampler'),
    collate_fn=dict(type='mmlatte.stack_samples'),
    dataset=dict(pipeline=pipelines['plain']),
)
val_dataloader = dict(
    batch_size=256,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='mmlatte.stack_samples'),
    dataset=dict(pipeline=test_pipeline),
)
val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
test_dataloader = val_dataloader
test_evaluator = val_evaluator
