# LaFTer on EuroSAT with the small CLIP of the test assets.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/eurosat_rsclip.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.LaFTerClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    descriptions='{{$MMLATTE_TEST_ASSETS:assets}}'
    '/data/class_descriptions/lafter_eurosat.json',
)
# As DPA on this tower: few parameters, few steps.
train_dataloader = dict(batch_size=64)
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.01))
param_scheduler = dict(end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
