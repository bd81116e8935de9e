# LatteCLIP on UCF101 with the published hyper-parameters (arXiv 2410.08211).
_base_ = [
    './_base_/models/latteclip_vitb32.py',
    './_base_/datasets/ucf101.py',
    './_base_/schedules/latteclip.py',
    './_base_/latteclip_runtime.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
default_hooks = dict(
    text_synth=dict(
        image_prompt='Describe the action of the person in the photo '
        'concisely, less than 20 words.',
        group_prompt="Describe the common visual attributes of the person's "
        'actions in all the photos concisely, less than 20 words.',
    )
)
train_cfg = dict(max_epochs=50)
param_scheduler = dict(warmup=20, end=50)
