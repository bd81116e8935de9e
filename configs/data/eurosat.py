# EuroSAT (27,000 Sentinel-2 images, 10 classes), CoOp split.
_base_ = './eurosat.json'
dataset = dict(
    type='mmlatte.EuroSAT',
    data_root='data/eurosat',
    download=True,
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
