# Oxford Pets (7,349 photos of cats and dogs, 37 breeds), CoOp split.
_base_ = ['./clip_224.py', './names/oxford_pets.json']
dataset = dict(
    type='mmlatte.OxfordPets',
    data_root='data/oxford_pets',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
