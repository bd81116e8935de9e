# Food101 (101,000 photos of dishes, 101 kinds), CoOp split.
_base_ = './food101.json'
dataset = dict(
    type='mmlatte.Food101',
    data_root='data/food101',
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
