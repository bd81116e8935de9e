# LatteCLIP on CIFAR-10. Not in the paper: schedule and prompts are mmlatte's,
# in the manner of the paper's, and were not tuned.
_base_ = [
    './_base_/models/latteclip_vitb32.py',
    './_base_/datasets/cifar10.py',
    './_base_/schedules/latteclip.py',
    './_base_/latteclip_runtime.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
default_hooks = dict(
    text_synth=dict(
        image_prompt='Describe the object in the photo concisely, less than '
        '20 words.',
        group_prompt='Describe the common visual attributes of the objects in '
        'all the photos concisely, less than 20 words.',
    )
)
train_cfg = dict(max_epochs=15)
param_scheduler = dict(warmup=100, end=15)
