# The small CLIP of the test assets, as it is: EfficientNet-Lite0 and a text
# tower of 4 layers, 112 px, trained on RSICD. MMLATTE_TEST_ASSETS names the
# folder of the assets.
model = dict(
    type='mmlatte.ZeroShotCLIP',
    clip=dict(
        type='mmlatte.OpenCLIP',
        model_name='local-dir:{{$MMLATTE_TEST_ASSETS:assets}}/models/rs-clip',
        pretrained=None,
    ),
    class_names=None,  # given by the config of the data set
    templates='a photo of a {}.',
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
)
