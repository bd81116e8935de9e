# ImageNet-1k (1,281,167 and 50,000 photos, 1,000 classes): train/ and val/.
_base_ = ['./clip_224.py', './names/imagenet.json']
dataset = dict(
    _delete_=True,
    type='mmlatte.ClassFolder',
    data_root='data/imagenet',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(
    dataset=dict(
        **dataset, image_folder='train', pipeline=_base_.train_pipeline
    )
)
val_dataloader = dict(
    dataset=dict(**dataset, image_folder='val', pipeline=_base_.test_pipeline)
)
test_dataloader = val_dataloader
