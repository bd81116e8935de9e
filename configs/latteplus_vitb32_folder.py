# LattePlus on a folder of your own: no LMM, no training, nothing to set but
# the folder and the classes. `tools/adapt.py --method latteplus` writes such a
# config.
_base_ = './methods/latteplus.py'
classes = ['apple', 'orange']
model = dict(class_names=classes)
train_dataloader = dict(
    batch_size=128,
    dataset=dict(
        type='mmlatte.UnlabeledFolder',
        data_root='data/images',
        classes=classes,
        pipeline={{_base_.test_pipeline}},
    ),
)
# There are no labels.
val_cfg = val_dataloader = val_evaluator = None
test_cfg = test_dataloader = test_evaluator = None
