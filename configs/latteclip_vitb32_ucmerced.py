# LatteCLIP on UC Merced. Not in the paper: schedule and prompts are mmlatte's,
# in the manner of the paper's, and were not tuned.
_base_ = [
    './_base_/models/latteclip_vitb32.py',
    './_base_/datasets/ucmerced.py',
    './_base_/schedules/latteclip.py',
    './_base_/latteclip_runtime.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
default_hooks = dict(
    text_synth=dict(
        image_prompt='Describe the land use in the aerial image concisely, '
        'less than 20 words.',
        group_prompt='Describe the common visual attributes of the land use '
        'in all the aerial images concisely, less than 20 words.',
    )
)
train_cfg = dict(max_epochs=100)
param_scheduler = dict(warmup=10, end=100)
