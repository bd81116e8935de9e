# DTD (5,640 photos of textures, 47 classes), CoOp split.
_base_ = './dtd.json'
dataset = dict(
    type='mmlatte.DTD',
    data_root='data/dtd',
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
