# LatteCLIP on a folder of your own. Inherit from it: give the folder, the
# classes and the prompts, or let `tools/adapt.py` write such a config.
_base_ = [
    './_base_/models/latteclip_vitb32.py',
    './_base_/datasets/folder.py',
    './_base_/schedules/latteclip.py',
    './_base_/latteclip_runtime.py',
]
classes = ['apple', 'orange']
model = dict(class_names=classes)
train_dataloader = dict(dataset=dict(classes=classes))
val_cfg = test_cfg = None
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
