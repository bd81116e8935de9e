# The small CLIP of the test assets: EfficientNet-Lite0, 112 px, RSICD.
# MMLATTE_TEST_ASSETS names the folder of the assets. `methods` holds what each
# method is given on it: it learns faster than a large CLIP, runs are short.
_base_ = '../../../configs/_base_/pipelines_224.py'
assets = '{{$MMLATTE_TEST_ASSETS:assets}}'
model = dict(
    clip=dict(
        type='mmlatte.OpenCLIP',
        model_name='local-dir:' + assets + '/models/rs-clip',
        pretrained=None,
    ),
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
)
loaders = dict(num_workers=1)

resize = [
    dict(_base_.resize, scale=112),
    dict(type='mmpretrain.CenterCrop', crop_size=112),
]
augment = [
    dict(_base_.augment[0], scale=112, crop_ratio_range=(0.8, 1.0)),
    # The ground has no up: mirror images and half turns.
    dict(
        type='mmpretrain.RandomFlip',
        prob=[0.25, 0.25, 0.25],
        direction=['horizontal', 'vertical', 'diagonal'],
    ),
    dict(type='mmpretrain.ColorJitter', brightness=0.2),
]
# Only the colour of pixels separates crops: no RandAugment.
two_views = dict(
    type='mmpretrain.MultiView', num_views=[1, 1], transforms=[resize, augment]
)
crops = dict(
    type='mmpretrain.MultiView',
    num_views=[1, 1, 2],
    transforms=[resize, augment, [dict(_base_.crop, scale=112)]],
)
pipelines = dict(
    plain=[*_base_.load, *augment, _base_.pack],
    strong=[*_base_.load, *augment, _base_.pack],
    texts=[*_base_.load, *augment, *_base_.load_and_pack_texts],
    texts_plain=[*_base_.load, *resize, *_base_.load_and_pack_texts],
    weak_strong=[*_base_.load, two_views, _base_.pack],
    weak_strong_crops=[*_base_.load, crops, _base_.pack],
)
test_pipeline = [dict(type='mmlatte.LoadImage'), *resize, _base_.pack]

large = dict(train_dataloader=dict(batch_size=128))
few_epochs = dict(
    param_scheduler=dict(end=4), train_cfg=dict(max_epochs=4, val_interval=4)
)
contrastive = dict(
    **large,
    optim_wrapper=dict(optimizer=dict(lr=3e-5)),
    param_scheduler=dict(warmup=10, end=4),
    train_cfg=dict(max_epochs=4, val_interval=4),
)
# The norms of this tower are 42,000 of 4.6 million parameters and a run has
# few steps: they need a larger lr than the published 3e-5.
norms = dict(optim_wrapper=dict(optimizer=dict(lr=1e-3)))
methods = dict(
    latteclip=dict(
        **contrastive,
        default_hooks=dict(
            text_synth=dict(
                lmm=dict(
                    model=assets + '/models/tiny-llava-rsicd',
                    load_in_4bit=False,
                    batch_size=64,
                )
            )
        ),
    ),
    # Beyond a few epochs it learns the errors of its fixed labels.
    flyp=contrastive,
    gda=large,
    latteplus=large,
    transclip=large,
    transport=large,
    # Ten classes would leave 9 of 256 dimensions.
    reclip=dict(**large, model=dict(options=dict(project=False))),
    dpa=dict(**norms, **few_epochs),
    # However many images there are: see latteplus_tuned_vitb32_folder.py.
    latteplus_tuned=dict(param_scheduler=dict(max_path=0.045)),
    lafter=dict(
        train_dataloader=dict(batch_size=64),
        model=dict(text_noise=1.6),
        **norms,
        **few_epochs,
    ),
    nola=dict(
        train_dataloader=dict(batch_size=128),
        default_hooks=dict(
            frozen_features=dict(
                second_encoder=dict(
                    model_name='tf_efficientnet_lite2',
                    # benchmarks/two_encoders.py writes it.
                    checkpoint_path='work_dirs/two_encoders/weights.pth',
                    image_size=128,
                )
            )
        ),
        **norms,
        **few_epochs,
    ),
    microclip=dict(
        model=dict(
            crops=2,  # of 8: on two cores, crops are most of the work
            # Cells of this tower are more alike than patches: at 0.2, every
            # fourth image has all 16 connected and no foreground; 0.5 is about
            # the median.
            pooling=dict(threshold=0.5),
        ),
        **norms,
        **few_epochs,
    ),
    must=dict(
        # A run of a few hundred steps. Frozen, this CLIP is surer than the
        # threshold of 6 in 10 images.
        model=dict(decay=(0.99, 0.99)),
        optim_wrapper=dict(optimizer=dict(lr=3e-5)),
        **few_epochs,
    ),
    # There is no larger one of its kind: it is its own teacher.
    ntua=dict(
        **large,
        **few_epochs,
        default_hooks=dict(
            frozen_features=dict(teacher=dict(clip=model['clip']))
        ),
    ),
    fpl=dict(
        **large,
        **norms,
        param_scheduler=dict(end=5),
        train_cfg=dict(max_epochs=5, val_interval=5),
    ),
    ifpl=dict(model=dict(rounds=5)),
    grip=dict(param_scheduler=dict(cycles=5)),
)
