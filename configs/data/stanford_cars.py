# Stanford Cars (16,185 photos of cars, 196 models), CoOp split.
_base_ = './stanford_cars.json'
dataset = dict(
    type='mmlatte.StanfordCars',
    data_root='data/stanford_cars',
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
