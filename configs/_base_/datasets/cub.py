# CUB-200-2011 (11,788 photos of birds, 200 kinds), official split.
_base_ = ['./clip_224.py', './names/cub.json']
dataset = dict(
    type='mmlatte.CUB',
    data_root='data/cub',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
