from collections.abc import Callable

import numpy as np
from mmcv.transforms import BaseTransform
from torch import Tensor

from mmlatte.lmm.asking.training_texts import TrainingTexts
from mmlatte.registry import TRANSFORMS

from .transforms_of import transforms_of


@TRANSFORMS.register_module()
class LoadTexts(BaseTransform):
    """Add the zero-shot label and the LMM's texts to a sample.

    ``LMMTextSynthHook`` binds the transform to the texts before training.
    What is drawn (the group text, and one of several image texts) comes from
    NumPy's global generator, which ``SeedPerSample`` seeds.

    Required keys: ``sample_idx``. Added keys: ``zero_shot_label`` and, for
    each kind that is on, ``image_text``, ``image_tokens``, ``group_text``,
    ``group_tokens``.

    Examples:
        >>> import numpy as np
        >>> transform = LoadTexts()
        >>> labels = np.array([1, 0])  # zero-shot labels of two samples
        >>> source = TrainingTexts(labels, ['a forest', 'a river'])
        >>> transform.bind(source, tokenize=len)
        >>> transform(dict(sample_idx=0))
        {'sample_idx': 0, 'zero_shot_label': 1}
    """

    def __init__(self) -> None:
        self._source: TrainingTexts | None = None
        self._tokenize: Callable[[str], Tensor] | None = None

    def bind(
        self, source: TrainingTexts, tokenize: Callable[[str], Tensor]
    ) -> None:
        """Connect the transform to the texts.

        Args:
            source (TrainingTexts): Texts of the dataset's samples.
            tokenize (Callable): Text to unpadded token ids, (l,) int64.
        """
        self._source, self._tokenize = source, tokenize

    def transform(self, results: dict) -> dict:
        """Add label, texts and tokens."""
        if self._source is None or self._tokenize is None:
            raise RuntimeError(
                'LoadTexts: no texts: add LMMTextSynthHook '
                '(EpochBasedTrainLoop)'
            )
        index = results['sample_idx']
        results['zero_shot_label'] = self._source.label(index)
        texts = {
            'image': self._source.image_text(index),
            'group': self._source.group_text(index),
        }
        for kind, text in texts.items():
            if text is not None:
                results[f'{kind}_text'] = text
                # Workers send a tensor as an open file, an array as bytes.
                results[f'{kind}_tokens'] = np.asarray(self._tokenize(text))
        return results


def bind_texts(
    dataset, source: TrainingTexts, tokenize: Callable[[str], Tensor]
) -> None:
    """Bind every ``LoadTexts`` of a dataset's pipeline to the texts.

    Args:
        dataset (Dataset): The training images.
        source (TrainingTexts): Their texts.
        tokenize (Callable): See :meth:`LoadTexts.bind`.

    Raises:
        RuntimeError: If the pipeline holds no such transform.
    """
    found = [t for t in transforms_of(dataset) if isinstance(t, LoadTexts)]
    if not found:
        raise RuntimeError(
            "LMMTextSynthHook: there is no dict(type='mmlatte.LoadTexts') in "
            'the pipeline of train_dataloader.dataset'
        )
    for transform in found:
        transform.bind(source, tokenize)
