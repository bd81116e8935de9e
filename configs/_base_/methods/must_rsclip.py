# MUST without masking (arXiv 2206.02967), with the small CLIP of the test
# assets.
_base_ = [
    '../models/zeroshot_rsclip.py',
    '../schedules/self_training.py',
    '../method_runtime.py',
]
model = dict(
    type='mmlatte.MUSTClassifier',
    clip=dict(freeze_text=True),
    threshold=0.5,  # frozen, this CLIP is surer than that of 6 in 10 images
    decay=(0.99, 0.99),  # a run of a few hundred steps
)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
