# UC Merced (2,100 aerial photos, 21 classes), split of arXiv 1911.06721.
_base_ = ['./clip_224.py', './names/ucmerced.json']
dataset = dict(
    type='mmlatte.UCMerced',
    data_root='data/ucmerced',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
