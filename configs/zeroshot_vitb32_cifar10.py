# Zero-shot scores: `python tools/test.py` with this config alone.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/cifar10.py',
    './_base_/default_runtime.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
train_dataloader = None
val_dataloader = None
val_evaluator = None
test_cfg = dict()
