from collections.abc import Sequence

from mmengine.dataset import default_collate

from mmlatte.registry import FUNCTIONS


@FUNCTIONS.register_module()
def stack_samples(samples: Sequence[dict], _scope_: str | None = None) -> dict:
    """Stack the samples of a batch, as mmengine's ``default_collate`` does.

    Configs inherited as ``mmlatte::...`` get a ``_scope_`` in every dict with
    a ``type``; mmengine takes it out everywhere but for collate functions
    (0.10.7, and the forks up to 0.10.12), hence this one.

    Samples of several views (a weak and a strong one, as
    ``mmpretrain.MultiView`` makes them) are stacked view by view: first the
    first view of all B samples, then the second. A model gets its views back
    with ``inputs.chunk(V)``.

    Args:
        samples (Sequence[dict]): Packed samples: ``inputs``, an image or a
            list of V views of it, and ``data_samples``.
        _scope_ (str, optional): Ignored.

    Returns:
        dict: ``inputs`` (B, 3, H, W), with views (V * B, 3, H, W), and
        ``data_samples``, a list of B.

    Raises:
        ValueError: If samples have different numbers of views.

    Examples:
        >>> import torch
        >>> samples = [dict(inputs=[torch.tensor(i), torch.tensor(10 + i)])
        ...            for i in range(3)]
        >>> stack_samples(samples)['inputs']
        tensor([ 0,  1,  2, 10, 11, 12])
    """
    if not isinstance(samples[0]['inputs'], list):
        return default_collate(samples)
    counts = {len(sample['inputs']) for sample in samples}
    if len(counts) > 1:
        raise ValueError(
            f'samples of one batch have {sorted(counts)} views; all need the '
            'same number'
        )
    views = [
        sample['inputs'][view]
        for view in range(counts.pop())
        for sample in samples
    ]
    others = [
        {key: value for key, value in sample.items() if key != 'inputs'}
        for sample in samples
    ]
    return {'inputs': default_collate(views), **default_collate(others)}
