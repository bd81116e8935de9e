# LattePlus on a folder of your own, whose image tower then learns what was
# found: no LMM. `tools/adapt.py --method latteplus_tuned` writes such configs.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/folder_views.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
classes = ['apple', 'orange']
model = dict(
    type='mmlatte.LattePlusTunedClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names=classes,
    align_weight=0.01,
    align_scale=1.0,
)
train_dataloader = dict(dataset=dict(classes=classes))
# Many steps take small ones: together as far as DPA's published runs on
# EuroSAT (3e-5, 2,950 steps, cosine).
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = dict(max_path=0.045)
val_cfg = test_cfg = None
