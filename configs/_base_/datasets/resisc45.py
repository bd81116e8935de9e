# RESISC45 (31,500 aerial photos, 45 scenes), split of arXiv 1911.06721.
_base_ = ['./clip_224.py', './names/resisc45.json']
dataset = dict(
    type='mmlatte.RESISC45',
    data_root='data/resisc45',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
