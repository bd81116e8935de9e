# The CLIP of the demo as it is: `python tools/test.py` with this config.
_base_ = [
    '../_base_/models/zeroshot_vitb32.py',
    '../_base_/datasets/openmoji.py',
    '../_base_/default_runtime.py',
]

model = dict(
    clip=dict(
        type='mmlatte.DemoCLIP',
        model_name='local-dir:data/demo/clip',
        pretrained=None,
    ),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
)
train_dataloader = None
val_dataloader = None
val_evaluator = None
test_cfg = dict()
