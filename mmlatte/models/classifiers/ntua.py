"""NtUA, a cache of unlabelled images (arXiv 2309.14928), from its abstract."""

import torch
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmlatte.fits import FrozenFeatures
from mmlatte.models.clip.text_encoding import to_device
from mmlatte.models.global_batch import global_batch
from mmlatte.models.losses import cross_entropy, masked_mean
from mmlatte.models.precision import full_precision
from mmlatte.models.sample_rows import labels_of, sample_indices
from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier


def most_confident(
    labels: Tensor, confidences: Tensor, classes: int, shots: int
) -> Tensor:
    """Return the surest samples of every predicted class.

    Args:
        labels (Tensor): Predicted classes, (N,).
        confidences (Tensor): (N,).
        classes (int): C.
        shots (int): Samples per class at most, K.

    Returns:
        Tensor: Samples, the surest first, (C, K); -1 where a class has
        fewer. Of equally sure ones the first counts.

    Examples:
        >>> import torch
        >>> labels, sure = torch.tensor([1, 1, 1]), torch.tensor([.5, .9, .7])
        >>> most_confident(labels, sure, classes=2, shots=2).tolist()
        [[-1, -1], [1, 2]]
    """
    chosen = torch.full((classes, shots), -1)
    order = confidences.argsort(descending=True, stable=True)
    ordered = labels[order]
    for label in labels.unique().tolist():
        members = order[ordered == label][:shots]
        chosen[label, : len(members)] = members
    return chosen


@MODELS.register_module()
class NtUAClassifier(PrototypeClassifier):
    r"""Noise-tolerant unsupervised adapter: a reconstruction, our reading.

    No code is public. This follows the abstract, in the form of
    Tip-Adapter (arXiv 2111.03930): a cache of images, which a larger CLIP, the
    teacher T, has labelled and weighted, beside the class texts Z.

    .. math::
        q_i &= \mathrm{softmax}(s_T f_T(x_i) Z_T^\top), \quad
        y_i = \arg\max q_i, \quad w_i = \max q_i \\
        A(x) &= \exp(-\beta (1 - f(x) F^\top)) \\
        l(x) &= s f(x) Z^\top + \alpha A(x)\, \mathrm{diag}(w) L \\
        \mathrm{loss} &= \mathrm{mean}_i\, w_i CE(l(x_i), y_i)

    The cache holds, per class that the teacher predicts, its K most confident
    training images: keys F are their frozen features and learn, values L are
    the teacher's labels (one-hot) and w its confidences; both stay. Nothing
    else learns. A class with fewer images has empty places of weight 0. The
    scale s is the CLIP's own, 100 for OpenAI's. With nothing cached, before
    the first epoch, this is zero-shot CLIP.

    In the paper few images are given, all are cached; here the training set
    may be larger, and all of it is trained on. The paper's values are refined
    by distillation from the teacher, ours are the teacher's; its
    prototype-affinity loss, for which the abstract has no formula, is left
    out.

    Needs the teacher: ``teacher`` of `mmlatte.FrozenFeaturesHook`.

    Args:
        *args: See `PrototypeClassifier`.
        shots (int): K. Defaults to 16.
        alpha (float): :math:`\alpha`. Defaults to 1.0.
        beta (float): :math:`\beta`. Defaults to 5.5.
        **kwargs: See `PrototypeClassifier`; both towers are frozen.

    Raises:
        ValueError: If ``shots`` or ``beta`` is not positive, ``alpha`` is
            negative, or the CLIP has a tuning.
    """

    teacher = True
    needs_frozen = True

    weights: Tensor

    def __init__(
        self,
        clip: dict,
        *args,
        shots: int = 16,
        alpha: float = 1.0,
        beta: float = 5.5,
        **kwargs,
    ) -> None:
        if shots < 1 or alpha < 0 or beta <= 0:
            raise ValueError(
                'NtUAClassifier: shots and beta must be positive, alpha not '
                f'negative; got {shots}, {beta} and {alpha}'
            )
        if clip.get('tuning'):
            raise ValueError(
                'NtUAClassifier trains its keys only; remove clip.tuning'
            )
        clip = {**clip, 'freeze_image': True, 'freeze_text': True}
        super().__init__(clip, *args, **kwargs)
        self.clip.requires_grad_(False)
        self.alpha = alpha
        self.beta = beta
        shape = (len(self.class_names), shots, self.clip.embed_dim)
        # By class, so that the place of a key is its value.
        self.keys = nn.Parameter(torch.zeros(shape))
        self.register_buffer('weights', torch.zeros(shape[:2]))
        self._frozen: FrozenFeatures | None = None
        self._confidences: Tensor | None = None

    def forget_images(self) -> None:
        """Drop the cache, which holds other images."""
        self.weights.zero_()
        self.keys.data.zero_()

    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Take the teacher's labels and confidences.

        Raises:
            ValueError: If there is no teacher.
        """
        if frozen.teacher is None:
            raise ValueError(
                'NtUAClassifier needs a teacher: give FrozenFeaturesHook '
                "teacher=dict(clip=dict(type='mmlatte.OpenCLIP', ...))"
            )
        self._frozen = frozen
        self._confidences = frozen.teacher.confidences()

    @torch.no_grad()
    def start_epoch(self, epoch: int, max_epochs: int) -> None:
        """Fill the cache, unless a checkpoint brought one."""
        frozen = self._known()
        if self.weights.any():
            return
        chosen = most_confident(
            torch.from_numpy(frozen.teacher.labels),
            self._confidences,
            *self.weights.shape,
        )
        there = chosen >= 0
        rows = chosen[there]
        there = there.to(self.weights.device)
        self.keys[there] = frozen.rows(rows.numpy()).to(self.keys)
        self.weights[there] = self._confidences[rows].to(self.weights)

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Learn the teacher's labels as far as it is sure of them.

        Args:
            inputs (Tensor): Augmented images of this rank, (B, 3, H, W).
            data_samples (list[DataSample]): With ``sample_idx``.

        Returns:
            dict[str, Tensor]: The loss and, for the log, the teacher's average
            confidence.
        """
        frozen = self._known()
        with torch.no_grad():
            f = self.extract_feat(inputs)
        batch, _, valid = global_batch(data_samples, f.device)
        ids = sample_indices(data_samples)
        y = to_device(labels_of(frozen.teacher, data_samples), f.device)
        w = to_device(self._confidences[ids], f.device).to(f)
        with full_precision(f):
            w = batch.gather(w)
            logits = self.feature_logits(batch.gather(f))
            return {
                'loss': cross_entropy(logits, batch.gather(y), valid, w),
                'confidence': masked_mean(w, valid),
            }

    def feature_logits(self, features: Tensor) -> Tensor:
        """Return the scores by class texts and cache, (B, C)."""
        cosines = torch.einsum('bd,ckd->bck', features, self.keys)
        affinity = (-self.beta * (1 - cosines)).exp()
        cached = torch.einsum('bck,ck->bc', affinity, self.weights)
        return super().feature_logits(features) + self.alpha * cached

    def _known(self) -> FrozenFeatures:
        if self._frozen is None:
            raise RuntimeError(
                'NtUAClassifier has no teacher; add '
                'mmlatte.FrozenFeaturesHook(teacher=...)'
            )
        return self._frozen

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        """Take over the classes of the checkpoint, whatever their number."""
        loaded = state_dict.get(prefix + 'keys')
        if loaded is not None and loaded.shape != self.keys.shape:
            self.keys = nn.Parameter(self.keys.new_zeros(loaded.shape))
        super()._load_from_state_dict(state_dict, prefix, *args)
