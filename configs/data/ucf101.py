# UCF101 (13,320 middle frames of videos, 101 actions), CoOp split.
_base_ = './ucf101.json'
dataset = dict(
    type='mmlatte.UCF101',
    data_root='data/ucf101',
    metainfo=dict(classes={{_base_.class_names}}),
)
data = dict(
    model=dict(
        class_names={{_base_.class_names}}, templates={{_base_.templates}}
    ),
    train_dataloader=dict(dataset=dict(split='train', **dataset)),
    val_dataloader=dict(dataset=dict(split='test', **dataset)),
    test_dataloader=dict(dataset=dict(split='test', **dataset)),
)
