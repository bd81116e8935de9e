# Answers about a few images of a folder of your own; no LMM, no training.
# `tools/adapt.py --answers FILE` writes such a config.
_base_ = './methods/answers.py'
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
