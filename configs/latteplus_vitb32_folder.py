# LattePlus on a folder of your own: no LMM, no training, nothing to set but
# the folder and the classes. `tools/adapt.py --method latteplus` writes such a
# config.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/folder.py',
    './_base_/schedules/fit.py',
    './_base_/method_runtime.py',
]
classes = ['apple', 'orange']
model = dict(
    type='mmlatte.LattePlusClassifier',
    class_names=classes,
    as_prototypes=True,
)
train_dataloader = dict(
    dataset=dict(classes=classes, pipeline=_base_.test_pipeline)
)
val_cfg = test_cfg = None
