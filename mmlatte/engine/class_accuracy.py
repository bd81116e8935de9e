from collections.abc import Sequence

from mmengine.dist import all_gather_object


class ClassAccuracy:
    """Accuracy per class of an evaluation, every sample counted once.

    Ranks repeat samples to get batches of one size; a sample is known by its
    id, or by nothing if it has none.

    Examples:
        >>> from mmpretrain.structures import DataSample
        >>> sample = DataSample(metainfo=dict(sample_id='a.jpg'))
        >>> sample = sample.set_gt_label(1).set_pred_label(1)
        >>> accuracy = ClassAccuracy()
        >>> accuracy.add([sample, sample])
        >>> accuracy.percent(['river', 'sea'])
        {'river': None, 'sea': 100.0}
    """

    def __init__(self) -> None:
        self._seen: dict = {}

    def add(self, data_samples: Sequence) -> None:
        """Count the predictions of a batch; unlabelled samples are left out.

        Args:
            data_samples (Sequence[DataSample]): With ``pred_label`` and,
                if known, ``gt_label``.
        """
        for sample in data_samples:
            if 'gt_label' not in sample or 'pred_label' not in sample:
                continue
            truth = sample.gt_label.flatten().tolist()
            if len(truth) == 1:
                key = sample.get('sample_id', len(self._seen))
                self._seen[key] = (truth[0], int(sample.pred_label))

    def percent(self, class_names: Sequence[str]) -> dict | None:
        """Return percent per class name; None for a class without samples.

        Every rank must call. None if nothing was counted.
        """
        seen: dict = {}
        for part in all_gather_object(self._seen):
            seen.update(part)
        if not seen:
            return None
        total = [0] * len(class_names)
        right = [0] * len(class_names)
        for truth, predicted in seen.values():
            total[truth] += 1
            right[truth] += truth == predicted
        return {
            name: 100 * r / n if n else None
            for name, r, n in zip(class_names, right, total, strict=True)
        }
