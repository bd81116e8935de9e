# LattePlus on a folder of your own, whose image tower then learns what was
# found: no LMM. `tools/adapt.py --method latteplus_tuned` writes such configs.
_base_ = './methods/latteplus_tuned.py'
classes = ['apple', 'orange']
model = dict(class_names=classes)
# The strong view keeps its colours and half of the image at least: what
# separates the classes of an unknown domain may be there.
strong = [
    dict(_base_.strong[0], crop_ratio_range=(0.5, 1.0)),
    _base_.strong[1],
]
two_views = dict(
    type='mmpretrain.MultiView',
    num_views=[1, 1],
    transforms=[_base_.weak, strong],
)
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        type='mmlatte.UnlabeledFolder',
        data_root='data/images',
        classes=classes,
        pipeline=[*_base_.load, two_views, _base_.pack],
    ),
)
# There are no labels.
val_cfg = val_dataloader = val_evaluator = None
test_cfg = test_dataloader = test_evaluator = None

# Many steps take small ones: together as far as DPA's published runs on
# EuroSAT (3e-5, 2,950 steps, cosine).
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(max_path=0.045)
