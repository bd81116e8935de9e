# Zero-shot scores of the small CLIP of the test assets.
_base_ = ['./zeroshot_vitb32_eurosat.py']

assets = '{{$MMLATTE_TEST_ASSETS:assets}}'
model = dict(
    clip=dict(
        model_name='local-dir:' + assets + '/models/rs-clip', pretrained=None
    ),
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
)
test_pipeline = [
    dict(type='mmlatte.LoadImage'),
    dict(
        type='mmpretrain.ResizeEdge',
        scale=112,
        edge='short',
        backend='pillow',
        interpolation='bicubic',
    ),
    dict(type='mmpretrain.CenterCrop', crop_size=112),
    _base_.test_pipeline[-1],
]
test_dataloader = dict(
    num_workers=1,
    dataset=dict(
        archive=assets + '/data/EuroSAT.zip',
        split_file=assets + '/data/split_zhou_EuroSAT.json',
        download=False,
        pipeline=test_pipeline,
    ),
)
