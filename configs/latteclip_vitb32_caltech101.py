# LatteCLIP on Caltech101 with the published settings (arXiv 2410.08211).
_base_ = [
    './_base_/models/latteclip_vitb32.py',
    './_base_/datasets/caltech101.py',
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
optim_wrapper = dict(optimizer=dict(weight_decay=1e-7))
train_cfg = dict(max_epochs=50)
param_scheduler = dict(warmup=10, end=50)
