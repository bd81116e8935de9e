# Zero-shot CLIP: nothing is learned.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/default_runtime.py',
]
method = ['zeroshot']
model = dict(
    type='mmlatte.ZeroShotCLIP',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
)
train_dataloader = None
val_dataloader = None
val_evaluator = None
test_cfg = dict()
