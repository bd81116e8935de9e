# LatteCLIP on a folder of your own. Inherit from it: give the folder, the
# classes (or a text file with one name a line) and the prompts, or let
# `tools/adapt.py` write such a config.
_base_ = './methods/latteclip.py'
classes = ['apple', 'orange']
model = dict(class_names=classes)
train_dataloader = dict(
    batch_size=128,
    dataset=dict(
        type='mmlatte.UnlabeledFolder',
        data_root='data/images',
        classes=classes,
    ),
)
# There are no labels.
val_cfg = val_dataloader = val_evaluator = None
test_cfg = test_dataloader = test_evaluator = None

# The paper's learning rate and epochs for EuroSAT; other images want
# mmlatte.LabelFreeScheduleHook, as adapt.py writes it.
train_cfg = dict(max_epochs=15)
param_scheduler = dict(warmup=10, end=15)
default_hooks = dict(
    text_synth=dict(
        image_prompt='Describe what the photo shows concisely, less than 20 '
        'words.',
        group_prompt='Describe the common visual attributes of what all the '
        'photos show concisely, less than 20 words.',
    )
)
