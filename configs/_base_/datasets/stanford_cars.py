# Stanford Cars (16,185 photos of cars, 196 models), CoOp split.
_base_ = ['./clip_224.py', './names/stanford_cars.json']
dataset = dict(
    type='mmlatte.StanfordCars',
    data_root='data/stanford_cars',
    metainfo=dict(classes={{_base_.class_names}}),
)
train_dataloader = dict(dataset=dataset)
val_dataloader = dict(dataset=dataset)
test_dataloader = val_dataloader
