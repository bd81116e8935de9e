# EuroSAT out of the test assets, with sentences of LLMs about its classes.
_base_ = '../../../configs/data/eurosat.py'
assets = '{{$MMLATTE_TEST_ASSETS:assets}}'
files = dict(
    archive=assets + '/data/EuroSAT.zip',
    split_file=assets + '/data/split_zhou_EuroSAT.json',
    download=False,
)
data = dict(
    train_dataloader=dict(dataset=files),
    val_dataloader=dict(dataset=files),
    test_dataloader=dict(dataset=files),
)
sentences = assets + '/data/class_descriptions/'
gpt4o = sentences + 'gpt4o_eurosat.json'
methods = dict(
    _delete_=True,
    latteclip={{_base_.methods.latteclip}},
    lafter=dict(model=dict(descriptions=sentences + 'lafter_eurosat.json')),
    microclip=dict(model=dict(descriptions=sentences + 'cupl_eurosat.json')),
    # What NtUA gains here is owed to the sentences and to the cache.
    ntua=dict(
        default_hooks=dict(
            frozen_features=dict(teacher=dict(descriptions=gpt4o))
        )
    ),
)
