# configs/_base_/ablations/encoders.py with the encoder of
# benchmarks/two_encoders.py, which writes its weights.
encoder = dict(
    type='mmlatte.TimmEncoder',
    model_name='tf_efficientnet_lite2',
    checkpoint_path='work_dirs/two_encoders/weights.pth',
    image_size=128,
)
ablation = [
    dict(
        name='both',
        options={
            'model.second_encoder': encoder,
            'model.as_prototypes': False,
        },
    ),
    dict(
        name='CLIP, by the labels of both',
        options={'default_hooks.frozen_features.second_encoder': encoder},
    ),
]
