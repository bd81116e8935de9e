# Flowers102 (8,189 photos of flowers, 102 kinds), CoOp split.
_base_ = ['./clip_224.py', './names/flowers102.json']
dataset = dict(
    type='mmlatte.Flowers102',
    data_root='data/flowers102',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
