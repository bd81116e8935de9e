# SUN397 (39,700 photos of scenes, 397 kinds), CoOp split.
_base_ = './sun397.json'
dataset = dict(
    type='mmlatte.SUN397',
    data_root='data/sun397',
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
