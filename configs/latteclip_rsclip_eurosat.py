# LatteCLIP with the small models of the test assets: runs on two CPU cores.
# MMLATTE_TEST_ASSETS names their folder.
_base_ = [
    './latteclip_vitb32_eurosat.py',
    './_base_/datasets/rsclip_112.py',
]
assets = '{{$MMLATTE_TEST_ASSETS:assets}}'

# EfficientNet-Lite0 + 4-layer text tower, 112 px, trained on RSICD.
model = dict(
    clip=dict(
        model_name='local-dir:' + assets + '/models/rs-clip', pretrained=None
    ),
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
)

train_pipeline = [
    # Drop labels, seed, load; at the end load texts, pack.
    *_base_.train_pipeline[:3],
    *_base_.augment,
    *_base_.train_pipeline[-2:],
]
test_pipeline = [
    _base_.test_pipeline[0],
    *_base_.resize,
    _base_.test_pipeline[-1],
]
train_dataloader = dict(
    batch_size=128,
    num_workers=1,
    dataset=dict(pipeline=train_pipeline, **_base_.rsclip_data),
)
val_dataloader = dict(
    num_workers=1,
    dataset=dict(pipeline=test_pipeline, **_base_.rsclip_data),
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
