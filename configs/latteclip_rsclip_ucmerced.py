# LatteCLIP on UC Merced with the small models of the test assets; schedule
# and prompts are those of EuroSAT.
_base_ = [
    './_base_/models/latteclip_vitb32.py',
    './_base_/datasets/ucmerced_rsclip.py',
    './_base_/schedules/latteclip.py',
    './_base_/latteclip_runtime.py',
]
assets = '{{$MMLATTE_TEST_ASSETS:assets}}'
model = dict(
    clip=dict(
        model_name='local-dir:' + assets + '/models/rs-clip', pretrained=None
    ),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3),
)
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            *_base_.train_pipeline[:-1],
            dict(type='mmlatte.LoadTexts'),
            dict(
                type='mmpretrain.PackInputs',
                algorithm_keys=(
                    'zero_shot_label',
                    'image_text',
                    'group_text',
                    'image_tokens',
                    'group_tokens',
                ),
                meta_keys=('sample_id', 'sample_idx', 'img_path'),
            ),
        ]
    )
)
optim_wrapper = dict(optimizer=dict(lr=3e-5))
param_scheduler = dict(warmup=10, end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
default_hooks = dict(
    text_synth=dict(
        lmm=dict(
            model=assets + '/models/tiny-llava-rsicd',
            load_in_4bit=False,
            batch_size=64,
        ),
        image_prompt='Describe the land use in the aerial image concisely, '
        'less than 20 words.',
        group_prompt='Describe the common visual attributes of the land use '
        'in all the aerial images concisely, less than 20 words.',
    )
)
