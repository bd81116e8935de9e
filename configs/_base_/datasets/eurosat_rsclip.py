# EuroSAT out of the test assets, for the small CLIP: 112 pixels, no texts.
_base_ = ['./eurosat.py']

assets = '{{$MMLATTE_TEST_ASSETS:assets}}'
data = dict(
    archive=assets + '/data/EuroSAT.zip',
    split_file=assets + '/data/split_zhou_EuroSAT.json',
    download=False,
)
train_pipeline = [
    dict(type='mmlatte.DropLabels'),
    dict(type='mmlatte.SeedPerSample'),
    dict(type='mmlatte.LoadImage'),
    dict(
        type='mmpretrain.RandomResizedCrop',
        scale=112,
        crop_ratio_range=(0.8, 1.0),
        backend='pillow',
        interpolation='bicubic',
    ),
    # The ground has no up: mirror images and half turns.
    dict(
        type='mmpretrain.RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    dict(type='mmpretrain.ColorJitter', brightness=0.2),
    _base_.test_pipeline[-1],
]
test_pipeline = [
    dict(type='mmlatte.LoadImage'),
    dict(
        type='mmpretrain.ResizeEdge',
        scale=112,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size=112),
    _base_.test_pipeline[-1],
]
train_dataloader = dict(
    batch_size=128,
    num_workers=1,
    dataset=dict(pipeline=train_pipeline, **data),
)
val_dataloader = dict(
    num_workers=1, dataset=dict(pipeline=test_pipeline, **data)
)
test_dataloader = val_dataloader
