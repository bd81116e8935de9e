# Zero-shot scores of the small CLIP of the test assets on UC Merced.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
    './_base_/default_runtime.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
train_dataloader = None
val_dataloader = None
val_evaluator = None
test_cfg = dict()
