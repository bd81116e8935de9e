# Oxford Pets (7,349 photos of cats and dogs, 37 breeds), CoOp split.
_base_ = './oxford_pets.json'
dataset = dict(
    type='mmlatte.OxfordPets',
    data_root='data/oxford_pets',
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
