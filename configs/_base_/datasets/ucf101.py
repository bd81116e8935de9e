# UCF101 (13,320 middle frames of videos, 101 actions), CoOp split.
_base_ = ['./clip_224.py', './names/ucf101.json']
dataset = dict(
    type='mmlatte.UCF101',
    data_root='data/ucf101',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
