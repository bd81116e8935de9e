# UC Merced out of the test assets with a weak and a strong view of every
# image, for the small CLIP; see eurosat_rsclip_views.py.
_base_ = ['./ucmerced_rsclip.py']
weak = _base_.test_pipeline[1:3]
strong = _base_.train_pipeline[3:-1]
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        pipeline=[
            *_base_.train_pipeline[:3],
            dict(
                type='mmpretrain.MultiView',
                num_views=[1, 1],
                transforms=[weak, strong],
            ),
            _base_.test_pipeline[-1],
        ]
    ),
)
