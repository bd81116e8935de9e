# EuroSAT (27,000 Sentinel-2 images, 10 classes), CoOp split.
_base_ = ['./clip_224.py', './names/eurosat.json']
dataset = dict(
    type='mmlatte.EuroSAT',
    data_root='data/eurosat',
    download=True,
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
