# Zero-shot scores of the small CLIP of the test assets.
_base_ = [
    './zeroshot_vitb32_eurosat.py',
    './_base_/datasets/rsclip_112.py',
]

assets = '{{$MMLATTE_TEST_ASSETS:assets}}'
model = dict(
    clip=dict(
        model_name='local-dir:' + assets + '/models/rs-clip', pretrained=None
    ),
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
)
test_pipeline = [
    _base_.test_pipeline[0],
    *_base_.resize,
    _base_.test_pipeline[-1],
]
test_dataloader = dict(
    num_workers=1,
    dataset=dict(pipeline=test_pipeline, **_base_.rsclip_data),
)
