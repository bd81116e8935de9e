# CIFAR-10 (60,000 images of 32 x 32, 10 classes) as PNG files.
# LatteCLIP's schedule and prompts are mmlatte's, in the manner of the
# paper's, and were not tuned.
_base_ = './cifar10.json'
dataset = dict(
    type='mmlatte.ClassFolder',
    data_root='data/cifar10',
    metainfo=dict(classes={{_base_.class_names}}),
)
data = dict(
    model=dict(
        class_names={{_base_.class_names}}, templates={{_base_.templates}}
    ),
    train_dataloader=dict(dataset=dict(image_folder='train', **dataset)),
    val_dataloader=dict(dataset=dict(image_folder='test', **dataset)),
    test_dataloader=dict(dataset=dict(image_folder='test', **dataset)),
)
