# CIFAR-100 (60,000 images of 32 x 32, 100 classes) as PNG files.
_base_ = ['./clip_224.py', './names/cifar100.json']
dataset = dict(
    _delete_=True,
    type='mmlatte.ClassFolder',
    data_root='data/cifar100',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(
    dataset=dict(
        **dataset, image_folder='train', pipeline=_base_.train_pipeline
    )
)
val_dataloader = dict(
    dataset=dict(**dataset, image_folder='test', pipeline=_base_.test_pipeline)
)
test_dataloader = val_dataloader
