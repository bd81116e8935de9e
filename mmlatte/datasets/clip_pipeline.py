"""What an image encoder was trained to see: pipelines and preprocessors."""

from collections.abc import Sequence

from mmengine.dataset import BaseDataset, Compose, default_collate
from torch.utils.data import DataLoader

from .transforms.transforms_of import transforms_of

__all__ = [
    'clip_data_preprocessor',
    'clip_eval_pipeline',
    'show_both',
    'two_views',
]


def clip_eval_pipeline(
    image_size: tuple[int, int], preprocess: dict
) -> list[dict]:
    """Return the evaluation pipeline that a CLIP was trained for.

    Pixels as open_clip's own transform gives them, before normalisation
    (which is the data preprocessor's work).

    Args:
        image_size (tuple[int, int]): Height and width of the tower's input.
        preprocess (dict): Facts of the tower: ``interpolation``,
            ``resize_mode`` (``'shortest'`` or ``'squash'``), and ``resize``,
            the edge before the centre crop, where that is larger.

    Raises:
        ValueError: If the tower resizes in another way.
    """
    height, width = image_size
    pillow = dict(backend='pillow', interpolation=preprocess['interpolation'])
    mode = preprocess['resize_mode']
    edge = preprocess.get('resize', height)
    crop = dict(type='mmpretrain.CenterCrop', crop_size=(height, width))
    if mode == 'shortest' and height == width:
        resize = [
            dict(
                type='mmpretrain.ResizeEdge',
                scale=edge,
                edge='short',
                **pillow,
            ),
            crop,
        ]
    elif mode == 'squash':
        scale = (width, height) if edge == height else (edge, edge)
        resize = [dict(type='mmpretrain.Resize', scale=scale, **pillow)]
        if edge != height:
            resize.append(crop)
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


def two_views(pipeline: Sequence, encoder) -> list:
    """Add a second encoder's view to an evaluation pipeline.

    Args:
        pipeline (Sequence): That of CLIP, configs or transforms: one that
            loads, those that prepare, one that packs.
        encoder (FrozenEncoder, optional): For its image size and
            preprocessing. None: the pipeline stays.

    Returns:
        list: ``inputs`` of its samples are a list of both views.
    """
    if encoder is None:
        return [*pipeline]
    load, *first, pack = pipeline
    _, *second, _ = clip_eval_pipeline(encoder.image_size, encoder.preprocess)
    both = dict(
        type='mmpretrain.MultiView',
        num_views=[1, 1],
        transforms=[first, second],
    )
    return [load, both, pack]


def show_both(loader: DataLoader, encoder) -> None:
    """Let a loader for CLIP give both views.

    Args:
        loader (DataLoader): Changed, before its first batch.
        encoder (FrozenEncoder): See `two_views`.

    Raises:
        ValueError: If its data set is a wrapper of others.
    """
    dataset = loader.dataset
    if not isinstance(dataset, BaseDataset):
        raise ValueError(
            f'{type(dataset).__name__} has no pipeline of its own: a '
            'classifier with model.second_encoder is evaluated on a plain '
            'data set'
        )
    dataset.pipeline = Compose(two_views(transforms_of(dataset), encoder))
    loader.collate_fn = default_collate
