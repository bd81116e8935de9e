# Food101 (101,000 photos of dishes, 101 kinds), CoOp split.
_base_ = ['./clip_224.py', './names/food101.json']
dataset = dict(
    type='mmlatte.Food101',
    data_root='data/food101',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
