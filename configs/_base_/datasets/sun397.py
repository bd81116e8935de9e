# SUN397 (39,700 photos of scenes, 397 kinds), CoOp split.
_base_ = ['./clip_224.py', './names/sun397.json']
dataset = dict(
    type='mmlatte.SUN397',
    data_root='data/sun397',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
