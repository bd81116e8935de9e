# DTD (5,640 photos of textures, 47 classes), CoOp split.
_base_ = ['./clip_224.py', './names/dtd.json']
dataset = dict(
    type='mmlatte.DTD',
    data_root='data/dtd',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
