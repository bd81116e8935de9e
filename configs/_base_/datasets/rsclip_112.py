# EuroSAT out of the test assets as the small CLIP sees it: 112 pixels. The
# files are `rsclip_data`, the steps after loading `augment` and `resize`.
assets = '{{$MMLATTE_TEST_ASSETS:assets}}'
rsclip_data = dict(
    archive=assets + '/data/EuroSAT.zip',
    split_file=assets + '/data/split_zhou_EuroSAT.json',
    download=False,
)
augment = [
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
]
resize = [
    dict(
        type='mmpretrain.ResizeEdge',
        scale=112,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size=112),
]
