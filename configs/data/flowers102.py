# Flowers102 (8,189 photos of flowers, 102 kinds), CoOp split.
_base_ = './flowers102.json'
dataset = dict(
    type='mmlatte.Flowers102',
    data_root='data/flowers102',
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
