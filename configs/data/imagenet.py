# ImageNet-1k (1,281,167 and 50,000 photos, 1,000 classes): train/ and val/.
# LatteCLIP's schedule and prompts are mmlatte's, in the manner of the
# paper's, and were not tuned.
_base_ = './imagenet.json'
dataset = dict(
    type='mmlatte.ClassFolder',
    data_root='data/imagenet',
    metainfo=dict(classes={{_base_.class_names}}),
)
data = dict(
    model=dict(
        class_names={{_base_.class_names}}, templates={{_base_.templates}}
    ),
    train_dataloader=dict(dataset=dict(image_folder='train', **dataset)),
    val_dataloader=dict(dataset=dict(image_folder='val', **dataset)),
    test_dataloader=dict(dataset=dict(image_folder='val', **dataset)),
)
