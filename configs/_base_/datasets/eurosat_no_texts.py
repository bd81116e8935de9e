# EuroSAT for methods that train without LMM texts.
_base_ = ['./eurosat.py']
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            # All but mmlatte.LoadTexts.
            *_base_.train_pipeline[:-2],
            _base_.test_pipeline[-1],
        ]
    )
)
