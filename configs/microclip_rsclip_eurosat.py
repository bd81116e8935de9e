# MicroCLIP on EuroSAT with the small CLIP of the test assets.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/eurosat_rsclip_views.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.MicroCLIPClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    descriptions='{{$MMLATTE_TEST_ASSETS:assets}}'
    '/data/class_descriptions/cupl_eurosat.json',
    crops=2,  # of 8: on two cores, crops are most of the work
    # Cells of this tower are more alike than patches: at 0.2, every fourth
    # image has all 16 connected and no foreground; 0.5 is about the median.
    pooling=dict(threshold=0.5),
)
crop = dict(
    type='mmpretrain.RandomResizedCrop',
    scale=112,
    crop_ratio_range=(0.25, 0.81),
    aspect_ratio_range=(1.0, 1.0),
    backend='pillow',
    interpolation='bicubic',
)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.train_dataloader.dataset.pipeline[:3],
            dict(
                type='mmpretrain.MultiView',
                num_views=[1, 1, 2],
                transforms=[_base_.weak, _base_.strong, [crop]],
            ),
            _base_.test_pipeline[-1],
        ]
    )
)
# As DPA on this tower: few parameters, few steps.
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
