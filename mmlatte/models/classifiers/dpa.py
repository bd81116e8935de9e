"""DPA, dual prototypes alignment (arXiv 2408.08855), beside the paper.

Symbols: f image feature, w and s weak and strong view, Z the textual
prototypes (trained), P the image prototypes, y pseudo-label.
"""

import dataclasses

import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures, add_rows
from mmlatte.models.global_batch import global_batch
from mmlatte.models.losses import cross_entropy, fairness_loss, masked_mean
from mmlatte.models.precision import full_precision
from mmlatte.registry import MODELS

from .self_training_classifier import SelfTrainingClassifier


def class_means(sums: Tensor, counts: Tensor, fallback: Tensor) -> Tensor:
    r"""Return image prototypes: the direction of every class's mean.

    .. math:: P_c = \mathrm{normalize}(\mathrm{mean}_{i: y_i = c}\, f_i)

    Args:
        sums (Tensor): Sum of the features of each class, (C, D).
        counts (Tensor): Number of them, (C,).
        fallback (Tensor): Unit prototypes of classes without any, (C, D).
    """
    empty = (counts == 0).unsqueeze(1)
    return torch.where(empty, fallback, F.normalize(sums, dim=1))


def align_distribution(
    probabilities: Tensor, mean: Tensor, shares: Tensor | None = None
) -> Tensor:
    """Divide predictions (B, C) by their running mean (C,), rows sum to 1.

    Args:
        probabilities (Tensor): (B, C).
        mean (Tensor): (C,).
        shares (Tensor, optional): What the mean shall be, (C,). Defaults to
            1 / C each.
    """
    aligned = probabilities / mean.clamp(min=1e-12)
    if shares is not None:
        aligned = aligned * shares
    return F.normalize(aligned, p=1, dim=1)


def ranking_weights(textual: Tensor, visual: Tensor, labels: Tensor) -> Tensor:
    r"""Trust a label that both prototypes rank high.

    .. math::
        \omega = \frac{p_t(y)}{\max_c p_t(c)} \cdot
                 \frac{p_c(y)}{\max_c p_c(c)}

    Args:
        textual (Tensor): Predictions by ``Z``, (B, C).
        visual (Tensor): Predictions by ``P``, (B, C).
        labels (Tensor): Pseudo-labels, (B,).

    Returns:
        Tensor: In [0, 1], (B,).
    """

    def rank(p: Tensor) -> Tensor:
        own = p.gather(1, labels.unsqueeze(1)).squeeze(1)
        return own / p.amax(dim=1)

    return rank(textual) * rank(visual)


@MODELS.register_module()
class DPAClassifier(SelfTrainingClassifier):
    r"""Self-training with textual and image prototypes that are aligned.

    .. math::
        p_t = \mathrm{softmax}(s f(w) Z^T), \quad
        p_c = \mathrm{softmax}(s f(w) P^T)

        y = \arg\max(a\, p_c + (1 - a)\, \tilde p_t), \quad
        \tilde p_t = \mathrm{rownorm}(p_t / \mathrm{mean}_{32}\, p_t)

        L = \mathrm{mean}(\omega\, CE(s f(s) Z^T, y))
          - \lambda_r\, \mathrm{mean}_c \log \mathrm{mean}_i\,
            \mathrm{softmax}(s f(s) Z^T)_c
          + \lambda_a\, CE(\tau P Z^T, [0..C-1])

    The mean of :math:`p_t` is that of the last 32 batches. ``P`` moves at the
    end of an epoch, to the means of the features of the epoch's weak views by
    pseudo-label; before the first it is that of frozen CLIP's features and
    labels. The reference code keeps all features in a bank for that; of the
    bank only the sums per class are ever needed, which a pass over all images
    gives just as well. ``s`` is the CLIP's own scale, 100 for OpenAI's.

    Prediction: the nearest ``Z``, after the last epoch (the reference code
    reports the best epoch on the test set).

    Args:
        *args: See `PrototypeClassifier`.
        image_share (float): ``a``, in [0, 1]. Defaults to 0.5.
        fairness_weight (float): :math:`\lambda_r`. Defaults to 1.0.
        align_weight (float): :math:`\lambda_a`. Defaults to 1.0.
        align_scale (float): :math:`\tau`. Defaults to 100.0.
        queue_size (int): Batches whose mean prediction is remembered.
            Defaults to 32.
        **kwargs: See `SelfTrainingClassifier`.
    """

    image_prototypes: Tensor
    sums: Tensor
    counts: Tensor
    queue: Tensor
    shares: Tensor | None

    replays = True

    def __init__(
        self,
        *args,
        image_share: float = 0.5,
        fairness_weight: float = 1.0,
        align_weight: float = 1.0,
        align_scale: float = 100.0,
        queue_size: int = 32,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= image_share <= 1:
            raise ValueError(
                f'DPAClassifier: image_share must be in [0, 1], got '
                f'{image_share}'
            )
        self.image_share = image_share
        self.fairness_weight = fairness_weight
        self.align_weight = align_weight
        self.align_scale = align_scale
        shape = self.memory.weight.shape
        self.register_buffer('image_prototypes', torch.zeros(shape))
        self.register_buffer('sums', torch.zeros(shape))
        self.register_buffer('counts', torch.zeros(shape[0]))
        # The newest batch is last; rows without one are NaN.
        queue = torch.full((queue_size, shape[0]), float('nan'))
        self.register_buffer('queue', queue)
        # Of the classes, which predictions are drawn to, (C,); None: equal.
        self.register_buffer('shares', None)

    @torch.no_grad()
    def forget_images(self) -> None:
        """Drop image prototypes and predictions of other images."""
        self.image_prototypes.zero_()
        self.queue.fill_(float('nan'))
        self.sums.zero_()
        self.counts.zero_()

    @torch.no_grad()
    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Make the first image prototypes, unless a checkpoint had some."""
        super().set_frozen(frozen)
        if self.image_prototypes.any():
            return
        first = self._first_labels(self.frozen)
        if first is None:
            return
        self.frozen = dataclasses.replace(self.frozen, labels=first.numpy())
        device = self.sums.device
        labels, ids = first.to(device), torch.arange(len(first), device=device)
        for part, features in self.frozen.chunks():
            everything = torch.ones_like(labels[part], dtype=torch.bool)
            counted = self.given.trained(everything, ids[part])
            self._collect(features.to(self.sums), labels[part], counted)
        self.end_epoch()

    def _first_labels(self, frozen: FrozenFeatures) -> Tensor | None:
        """Return the labels to start from, (N,); None: do not start."""
        return torch.from_numpy(frozen.labels)

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Label the weak views and learn the labels on the strong ones.

        Args:
            inputs (Tensor): Weak, then strong views, (2 * B, 3, H, W).
            data_samples (list[DataSample]): With ``sample_idx``, B of them.

        Returns:
            dict[str, Tensor]: The three losses; for the log, the average
            ranking weight.
        """
        weak, strong = self.split_views(inputs, data_samples)
        f_w, f_s = self.look(weak), self.extract_feat(strong)
        batch, ids, valid = global_batch(data_samples, f_w.device)
        valid = self.given.trained(valid, ids)
        with full_precision(f_w):
            f_w, f_s = batch.gather(f_w), batch.gather(f_s)
            y, omega = self._pseudo_labels(f_w, valid)
            y, omega = self.given.put(y, ids), self.given.trust(omega, ids)
            self._collect(f_w, y, valid)
            z = self.memory.prototypes
            logits = self.clip.scale * f_s @ z.T
            classes = torch.arange(len(z), device=z.device)
            align = self.align_scale * self.image_prototypes @ z.T
            more = {}
            if self.replay is not None:
                more['loss_replay'] = self.replay(
                    f_s, self.frozen, data_samples, batch, valid
                )
            return {
                **more,
                'loss_self': cross_entropy(logits, y, valid, omega),
                'loss_fairness': self.fairness_weight
                * fairness_loss(logits, valid, self.shares),
                'loss_align': self.align_weight
                * F.cross_entropy(align, classes),
                'ranking_weight': masked_mean(omega, valid),
            }

    @torch.no_grad()
    def _pseudo_labels(
        self, f_w: Tensor, valid: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return labels and ranking weights of weak views (B, D)."""
        scaled = self.clip.scale * f_w
        p_t = (scaled @ self.memory.prototypes.T).softmax(dim=1)
        p_c = (scaled @ self.image_prototypes.T).softmax(dim=1)
        newest = masked_mean(p_t, valid).unsqueeze(0)
        self.queue.copy_(torch.cat([self.queue[1:], newest]))
        mean = self.queue.nanmean(dim=0)
        aligned = align_distribution(p_t, mean, self.shares)
        a = self.image_share
        y = (a * p_c + (1 - a) * aligned).argmax(dim=1)
        return y, ranking_weights(p_t, p_c, y)

    @torch.no_grad()
    def _collect(
        self, features: Tensor, labels: Tensor, valid: Tensor
    ) -> None:
        """Add valid features (B, D) to the sums of their classes."""
        counted = valid.to(features.dtype)
        add_rows(self.sums, labels, features * counted.unsqueeze(1))
        add_rows(self.counts, labels, counted)

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Move the image prototypes to the means of what was collected."""
        self.image_prototypes.copy_(
            class_means(self.sums, self.counts, self.memory.prototypes)
        )
        self.sums.zero_()
        self.counts.zero_()
