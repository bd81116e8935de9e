# Caltech101 (8,242 photos of objects, 100 classes), CoOp split.
_base_ = './caltech101.json'
dataset = dict(
    type='mmlatte.Caltech101',
    data_root='data/caltech101',
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
