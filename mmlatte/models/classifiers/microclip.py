"""MicroCLIP (arXiv 2510.02270), beside the paper.

Symbols: g feature of the whole image (CLS), FG pooled foreground, c_k crop
features, W* trained classifier, W_LLM fixed classifier, y pseudo-label.
"""

import math

import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.models.class_descriptions import read_descriptions
from mmlatte.models.class_texts import texts_of_classes
from mmlatte.models.clip.image_tokens import (
    encode_tokens_and_image,
    project_tokens,
    token_width,
)
from mmlatte.models.global_batch import global_batch
from mmlatte.models.heads.saliency_pooling import SaliencyPooling
from mmlatte.models.losses import cross_entropy, log_mean_softmax
from mmlatte.models.precision import forget_casts, full_precision
from mmlatte.registry import MODELS

from .self_training_classifier import SelfTrainingClassifier


def compose_crops(g: Tensor, crops: Tensor) -> Tensor:
    r"""Average crops, weighted by their similarity to the whole image.

    .. math:: \mathrm{normalize}(\sum_k \mathrm{softmax}_k(c_k \cdot g) c_k)

    Args:
        g (Tensor): (B, D).
        crops (Tensor): (B, K, D).
    """
    weights = (crops @ g.unsqueeze(2)).softmax(dim=1)
    return F.normalize((weights * crops).sum(dim=1), dim=1)


def weighted_class(sentences: Tensor, template: Tensor) -> Tensor:
    r"""Average the sentences about a class by how well they fit its name.

    .. math:: \mathrm{normalize}(\sum_j \cos(d_j, t)\, d_j)

    Args:
        sentences (Tensor): Unit features of its sentences, (M, D).
        template (Tensor): Unit feature of the templates, (D,).
    """
    return F.normalize((sentences @ template) @ sentences, dim=0)


@MODELS.register_module()
class MicroCLIPClassifier(SelfTrainingClassifier):
    r"""Self-training on the whole image and its salient parts.

    .. math::
        y = \arg\max(\gamma\, l_{fix} + (1 - \gamma)\, l_{dyn}), \quad
        l_{fix} = comp\, W_{LLM}^T, \quad
        l_{dyn} = \mathrm{normalize}(\tfrac12 g + \tfrac12 FG)\, W^{*T}

        o = s (\tfrac12 g_s + \tfrac12 FG_s)\, W^{*T}, \quad
        L = CE(o, y) - 2 \lambda_f\, \mathrm{mean}_c \log \bar p_c

    ``comp``, g and FG are of the weak view and its crops (no gradient), the
    student sees the strong view. :math:`\bar p` halves the way from its last
    value to the batch's mean prediction and starts anew with every epoch.
    Prediction: ``o`` of the image.

    ``W_LLM`` weighs the sentences of a class by their fit to its name, ``W*``
    starts as their plain mean. What a part of the image is, and how its
    foreground is found: `encode_tokens_and_image`, `SaliencyPooling`; ``s``
    is the CLIP's own scale, 100 for OpenAI's.

    Args:
        *args: See `PrototypeClassifier`; ``descriptions`` are needed.
        fixed_share (float): :math:`\gamma`, in [0, 1]. Defaults to 0.5.
        fairness_weight (float): :math:`\lambda_f`. Defaults to 1.0.
        crops (int): Crops of every image, which follow the weak and the
            strong view. Defaults to 8.
        pooling (dict, optional): Arguments of `SaliencyPooling`.
        **kwargs: See `SelfTrainingClassifier`.

    Raises:
        ValueError: If there are no descriptions.
    """

    fixed: Tensor
    log_mean: Tensor

    def __init__(
        self,
        *args,
        fixed_share: float = 0.5,
        fairness_weight: float = 1.0,
        crops: int = 8,
        pooling: dict | None = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if self.descriptions is None:
            raise ValueError(
                'MicroCLIPClassifier needs `descriptions`: a JSON of {class '
                'name: [sentence, ...]} that a language model wrote'
            )
        if not 0 <= fixed_share <= 1 or crops < 1:
            raise ValueError(
                'MicroCLIPClassifier: fixed_share must be in [0, 1] and crops '
                f'positive, got {fixed_share} and {crops}'
            )
        self.views = ('weak', 'strong', *(['crop'] * crops))
        self.fixed_share = fixed_share
        self.fairness_weight = fairness_weight
        self.pooling = SaliencyPooling(
            token_width(self.clip.visual), **(pooling or {})
        )
        shape = self.memory.weight.shape
        self.register_buffer('fixed', torch.zeros(shape))
        # No batch of this epoch yet.
        self.register_buffer('log_mean', torch.full(shape[:1], -math.inf))

    @torch.no_grad()
    def init_weights(self) -> None:
        """Make both classifiers from the sentences."""
        super().init_weights()
        sentences = read_descriptions(self.descriptions, self.class_names)
        named = texts_of_classes(
            self.class_names, self.templates, None, self.prompt_names
        )
        for c, own in enumerate(sentences):
            texts = self.clip.encode_texts(named[c])
            template = F.normalize(texts.mean(0), dim=0)
            row = weighted_class(self.clip.encode_texts(own), template)
            self.fixed[c].copy_(row)

    def encode_parts(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Encode images and their foregrounds, unit features (B, D) each."""
        visual = self.clip.visual
        if self.clip.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        g, tokens = encode_tokens_and_image(visual, inputs)
        like = self.memory.weight
        with full_precision(like):
            fg = self.pooling(tokens.to(like))
            fg = project_tokens(visual, fg)
            return F.normalize(g.to(like), dim=1), F.normalize(fg, dim=1)

    def extract_feat(self, inputs: Tensor, stage: str | None = None) -> Tensor:
        """Average whole image and foreground, (B, D), no unit vectors.

        Args:
            inputs (Tensor): Preprocessed images, (B, 3, H, W).
            stage (str, optional): Ignored; part of mmpretrain's interface.
        """
        return torch.stack(self.encode_parts(inputs)).mean(dim=0)

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Label weak views and crops, learn the labels on strong views.

        Args:
            inputs (Tensor): Weak and strong views and crops,
                ((2 + K) * B, 3, H, W).
            data_samples (list[DataSample]): With ``sample_idx``, B of them.

        Returns:
            dict[str, Tensor]: The two losses.
        """
        weak, strong, *crops = self.split_views(inputs, data_samples)
        y = self._pseudo_labels(weak, crops)
        out = self.logits(strong)
        batch, ids, valid = global_batch(data_samples, out.device)
        valid = self.given.trained(valid, ids)
        with full_precision(out):
            out, y = batch.gather(out), self.given.put(batch.gather(y), ids)
            log_mean = log_mean_softmax(out, valid)
            last = self.log_mean.clone()
            halved = torch.logaddexp(last, log_mean) - math.log(2)
            log_mean = torch.where(last.isinf().all(), log_mean, halved)
            self.log_mean.copy_(log_mean.detach())
            fairness = -2 * self.fairness_weight * log_mean.mean()
            return {
                'loss_self': cross_entropy(out, y, valid),
                'loss_fairness': fairness,
            }

    @torch.no_grad()
    def _pseudo_labels(self, weak: Tensor, crops: list[Tensor]) -> Tensor:
        """Label images by both classifiers (dynamic knowledge aggregation).

        Args:
            weak (Tensor): Weak views, (B, 3, H, W).
            crops (list[Tensor]): K crops of each, (B, 3, H, W) each.

        Returns:
            Tensor: (B,).
        """
        g, fg = self.encode_parts(weak)
        seen = [self.clip.encode_image(crop).to(g) for crop in crops]
        forget_casts()
        with full_precision(g):
            comp = compose_crops(g, torch.stack(seen, dim=1))
            fused = F.normalize((g + fg) / 2, dim=1)
            return torch.lerp(
                fused @ self.memory.prototypes.T,
                comp @ self.fixed.T,
                self.fixed_share,
            ).argmax(dim=1)

    @torch.no_grad()
    def start_epoch(self, epoch: int, max_epochs: int) -> None:
        """Forget the mean prediction.

        Args:
            epoch (int): Epochs that are done.
            max_epochs (int): Of the run.
        """
        self.log_mean.fill_(-math.inf)
