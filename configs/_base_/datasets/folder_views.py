# A folder of images without labels, with a weak and a strong view of every
# image. The strong one keeps its colours and half of the image at least: what
# tells the classes of an unknown domain may be there.
_base_ = ['./folder.py', './views_224.py']
strong = [
    dict(_base_.strong[0], crop_ratio_range=(0.5, 1.0)),
    _base_.strong[1],
]
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        pipeline=[
            *_base_.train_pipeline[:3],
            dict(
                type='mmpretrain.MultiView',
                num_views=[1, 1],
                transforms=[_base_.weak, strong],
            ),
            _base_.test_pipeline[-1],
        ]
    ),
)
