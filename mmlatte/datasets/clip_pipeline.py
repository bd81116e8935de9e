def clip_eval_pipeline(
    image_size: tuple[int, int], preprocess: dict
) -> list[dict]:
    """Return the evaluation pipeline that a CLIP was trained for.

    Pixels as open_clip's own transform gives them, before normalisation
    (which is the data preprocessor's work).

    Args:
        image_size (tuple[int, int]): Height and width of the tower's input.
        preprocess (dict): Facts of the tower: ``interpolation`` and
            ``resize_mode`` (``'shortest'`` or ``'squash'``).

    Raises:
        ValueError: If the tower resizes in another way.
    """
    height, width = image_size
    pillow = dict(backend='pillow', interpolation=preprocess['interpolation'])
    mode = preprocess['resize_mode']
    if mode == 'shortest' and height == width:
        resize = [
            dict(
                type='mmpretrain.ResizeEdge',
                scale=height,
                edge='short',
                **pillow,
            ),
            dict(type='mmpretrain.CenterCrop', crop_size=(height, width)),
        ]
    elif mode == 'squash':
        scale = (width, height)
        resize = [dict(type='mmpretrain.Resize', scale=scale, **pillow)]
    else:
        raise ValueError(
            f'no evaluation pipeline is known for resize_mode {mode!r} and '
            f'image size {image_size}; give a test_dataloader whose pipeline '
            'prepares the images'
        )
    return [
        dict(type='mmlatte.LoadImage'),
        *resize,
        dict(
            type='mmpretrain.PackInputs',
            meta_keys=('sample_id', 'sample_idx', 'img_path'),
        ),
    ]


def clip_data_preprocessor(preprocess: dict) -> dict:
    """Return the data preprocessor that a CLIP was trained for.

    Args:
        preprocess (dict): Facts of the tower: ``mean`` and ``std`` of pixels
            from 0 to 1.
    """
    return dict(
        type='mmpretrain.ClsDataPreprocessor',
        mean=[255 * value for value in preprocess['mean']],
        std=[255 * value for value in preprocess['std']],
        to_rgb=True,
    )
