"""MUST without masking (arXiv 2206.02967), beside the paper."""

import copy

import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmlatte.models.global_batch import global_batch
from mmlatte.models.losses import cross_entropy, fairness_loss, masked_mean
from mmlatte.models.precision import full_precision
from mmlatte.registry import MODELS

from .self_training_classifier import SelfTrainingClassifier


@MODELS.register_module()
class MUSTClassifier(SelfTrainingClassifier):
    r"""Self-training with a moving-average teacher and a fair student.

    .. math::
        p_i = \mathrm{softmax}(s f'(w_i) Z'^T), \quad y_i = \arg\max p_i

        L = \mathrm{mean}_i\, [\max p_i > \tau]\, CE(s f(s_i) Z^T, y_i)
          - \lambda_f\, \mathrm{mean}_c \log \mathrm{mean}_i\,
            \mathrm{softmax}(s f(s_i) Z^T)_c

    The teacher (f', Z') sees the weak view and follows the student (f, Z)
    after every step, with a decay that rises in a straight line. The
    reconstruction of masked patches and the alignment of their tokens are
    left out: they need a vision transformer, and the published command runs
    without them. So is the decay of the learning rate by layer. Prediction:
    the student, after the last epoch. ``s`` is the CLIP's own scale.

    Args:
        *args: See `PrototypeClassifier`.
        threshold (float): :math:`\tau`. Defaults to 0.5.
        fairness_weight (float): :math:`\lambda_f`. Defaults to 1.0.
        decay (tuple[float, float]): First and last decay of the teacher.
            Defaults to (0.999, 0.9998).
        decay_steps (int): Steps from the first to the last. Defaults to 2000.
        **kwargs: See `SelfTrainingClassifier`.
    """

    def __init__(
        self,
        *args,
        threshold: float = 0.5,
        fairness_weight: float = 1.0,
        decay: tuple[float, float] = (0.999, 0.9998),
        decay_steps: int = 2000,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if not 0 <= decay[0] <= decay[1] <= 1 or not 0 <= threshold <= 1:
            raise ValueError(
                'MUSTClassifier: threshold and decay must be in [0, 1] and '
                f'the decay must not fall, got {threshold} and {decay}'
            )
        self.threshold = threshold
        self.fairness_weight = fairness_weight
        self.decay = tuple(decay)
        self.decay_steps = decay_steps
        self.ema = nn.ModuleDict(
            dict(
                visual=copy.deepcopy(self.clip.visual),
                memory=copy.deepcopy(self.memory),
            )
        ).requires_grad_(False)
        self.register_buffer('steps', torch.zeros((), dtype=torch.int64))
        self.train()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Start the student, and the teacher as its copy."""
        super().init_weights()
        self.ema['memory'].reset(self.memory.weight)
        self.ema['visual'].load_state_dict(self.clip.visual.state_dict())

    def train(self, mode: bool = True) -> 'MUSTClassifier':
        """Set the mode of the student; the teacher stays in eval."""
        super().train(mode)
        self.ema.eval()
        return self

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Learn what the teacher is sure of, and all classes alike.

        Args:
            inputs (Tensor): Weak, then strong views, (2 * B, 3, H, W).
            data_samples (list[DataSample]): With ``sample_idx``, B of them.

        Returns:
            dict[str, Tensor]: The two losses; for the log, the share of
            images that the teacher is sure of.
        """
        weak, strong = self.split_views(inputs, data_samples)
        self._follow()
        p = self._teach(weak)
        logits = self.logits(strong)
        batch, ids, valid = global_batch(data_samples, logits.device)
        valid = self.given.trained(valid, ids)
        with full_precision(logits):
            p, logits = batch.gather(p), batch.gather(logits)
            confidence, y = p.max(dim=1)
            y, confidence = (
                self.given.put(y, ids),
                self.given.trust(confidence, ids),
            )
            sure = (confidence > self.threshold).to(logits.dtype)
            return {
                'loss_self': cross_entropy(logits, y, valid, sure),
                'loss_fairness': self.fairness_weight
                * fairness_loss(logits, valid),
                'sure': masked_mean(sure, valid),
            }

    @torch.no_grad()
    def _teach(self, inputs: Tensor) -> Tensor:
        """Predict with the teacher, (B, C)."""
        features = self.ema['visual'](inputs)
        if isinstance(features, tuple):  # CoCa's tower returns tokens too.
            features = features[0]
        prototypes = self.ema['memory'].prototypes
        with full_precision(features):
            features = F.normalize(features.to(prototypes), dim=1)
            return (self.clip.scale * features @ prototypes.T).softmax(dim=1)

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the teacher towards the student that the last step left.

        Before the first step they are the same.
        """
        first, last = self.decay
        share = ((self.steps - 1) / self.decay_steps).clamp(0, 1)
        # Not 1 - decay: in single precision that has few digits.
        rate = (1 - first) - (last - first) * share
        rate = rate * (self.steps > 0)
        pairs = (
            (self.ema['visual'], self.clip.visual),
            (self.ema['memory'], self.memory),
        )
        for teacher, student in pairs:
            for own, other in zip(
                teacher.parameters(), student.parameters(), strict=True
            ):
                own.lerp_(other, rate.to(own))
            for own, other in zip(
                teacher.buffers(), student.buffers(), strict=True
            ):
                own.copy_(other)
        self.steps += 1
