# Caltech101 (8,242 photos of objects, 100 classes), CoOp split.
_base_ = ['./clip_224.py', './names/caltech101.json']
dataset = dict(
    type='mmlatte.Caltech101',
    data_root='data/caltech101',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
