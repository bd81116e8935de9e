# UC Merced (2,100 aerial photos, 21 classes), split of arXiv 1911.06721.
# LatteCLIP's schedule and prompts are mmlatte's, in the manner of the
# paper's, and were not tuned.
_base_ = './ucmerced.json'
dataset = dict(
    type='mmlatte.UCMerced',
    data_root='data/ucmerced',
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
