from collections.abc import Sequence

from mmcv.transforms import BaseTransform

from mmlatte.registry import TRANSFORMS


@TRANSFORMS.register_module()
class DropLabels(BaseTransform):
    """Take the labels out of a sample, first thing in a train pipeline.

    Args:
        keys (Sequence[str]): What to take out. Defaults to ``('gt_label',
            'gt_score')``.
    """

    def __init__(self, keys: Sequence[str] = ('gt_label', 'gt_score')) -> None:
        self.keys = tuple(keys)

    def transform(self, results: dict) -> dict:
        """Return the sample without its labels."""
        for key in self.keys:
            results.pop(key, None)
        return results

    def __repr__(self) -> str:
        return f'{self.__class__.__name__}(keys={self.keys})'
