# FGVC-Aircraft (10,000 photos, 100 variants), official split as in CoOp.
_base_ = './fgvc_aircraft.json'
dataset = dict(
    type='mmlatte.FGVCAircraft',
    data_root='data/fgvc_aircraft',
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
