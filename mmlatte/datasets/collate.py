from collections.abc import Sequence

from mmengine.dataset import default_collate

from mmlatte.registry import FUNCTIONS


@FUNCTIONS.register_module()
def stack_samples(samples: Sequence[dict], _scope_: str | None = None) -> dict:
    """Stack the samples of a batch, as mmengine's ``default_collate`` does.

    Configs inherited as ``mmlatte::...`` get a ``_scope_`` in every dict with
    a ``type``; mmengine takes it out everywhere but for collate functions
    (0.10.7, and the forks up to 0.10.12), hence this one.

    Args:
        samples (Sequence[dict]): Packed samples: ``inputs`` and
            ``data_samples``.
        _scope_ (str, optional): Ignored.

    Returns:
        dict: ``inputs`` (B, 3, H, W) and ``data_samples``, a list of B.
    """
    return default_collate(samples)
