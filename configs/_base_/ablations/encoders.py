# A fit with two encoders; for `tools/compare.py CONFIG --ablation encoders`
# (latteplus, answers, gda). The config itself, with one, is the first row.
encoder = dict(
    type='mmlatte.TimmEncoder',
    model_name='vit_base_patch14_reg4_dinov2',
    image_size=224,
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
