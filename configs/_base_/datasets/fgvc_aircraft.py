# FGVC-Aircraft (10,000 photos, 100 variants), official split as in CoOp.
_base_ = ['./clip_224.py', './names/fgvc_aircraft.json']
dataset = dict(
    type='mmlatte.FGVCAircraft',
    data_root='data/fgvc_aircraft',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
