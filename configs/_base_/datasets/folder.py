# A folder of images without labels. Give `data_root` and `classes`: a list of
# names, or a text file with one name a line.
_base_ = ['./clip_224.py']
train_dataloader = dict(
    batch_size=128,
    dataset=dict(
        _delete_=True,
        type='mmlatte.UnlabeledFolder',
        data_root='data/images',
        classes=None,
        pipeline=_base_.train_pipeline,
    ),
)
val_dataloader = val_evaluator = None  # there are no labels
test_dataloader = test_evaluator = None
