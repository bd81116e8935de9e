# CUB-200-2011 (11,788 photos of birds, 200 kinds), official split.
# LatteCLIP's schedule and prompts are mmlatte's, in the manner of the
# paper's, and were not tuned.
_base_ = './cub.json'
dataset = dict(
    type='mmlatte.CUB',
    data_root='data/cub',
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
