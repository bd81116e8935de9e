# LatteCLIP with the small models of the test assets: runs on two CPU cores.
# MMLATTE_TEST_ASSETS names their folder.
_base_ = ['./latteclip_vitb32_eurosat.py']

assets = '{{$MMLATTE_TEST_ASSETS:assets}}'
data = dict(
    archive=assets + '/data/EuroSAT.zip',
    split_file=assets + '/data/split_zhou_EuroSAT.json',
    download=False,
)

# EfficientNet-Lite0 + 4-layer text tower, 112 px, trained on RSICD.
model = dict(
    clip=dict(
        model_name='local-dir:' + assets + '/models/rs-clip', pretrained=None
    ),
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
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
    dict(type='mmlatte.LoadTexts'),
    _base_.train_pipeline[-1],
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

optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(warmup=10, end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(
    text_synth=dict(
        lmm=dict(
            model=assets + '/models/tiny-llava-rsicd',
            load_in_4bit=False,
            batch_size=64,
        )
    )
)
