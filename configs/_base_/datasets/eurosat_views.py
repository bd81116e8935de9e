# EuroSAT with a weak and a strong view of every image. A method with more
# views appends to `views`.
_base_ = ['./eurosat.py', './views_224.py']
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        pipeline=[
            *_base_.train_pipeline[:3],
            dict(
                type='mmpretrain.MultiView',
                num_views=[1, 1],
                transforms=[_base_.weak, _base_.strong],
            ),
            _base_.test_pipeline[-1],
        ]
    ),
)
