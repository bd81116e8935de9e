# EuroSAT out of the test assets, for the small CLIP: 112 pixels, no texts.
_base_ = ['./eurosat.py', './rsclip_112.py']
train_pipeline = [
    # Drop labels, seed, load.
    *_base_.train_pipeline[:3],
    *_base_.augment,
    _base_.test_pipeline[-1],
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
