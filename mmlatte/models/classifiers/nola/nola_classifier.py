import torch
import torch.nn.functional as F
from mmengine.dist import broadcast
from mmengine.logging import print_log
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.models.class_descriptions import read_descriptions
from mmlatte.models.class_texts import texts_of_classes
from mmlatte.models.global_batch import global_batch
from mmlatte.models.losses import cross_entropy
from mmlatte.registry import MODELS

from ..prototype_classifier import full_precision
from ..self_training_classifier import SelfTrainingClassifier
from .confident_images import confident_images
from .label_head import fit_label_head, head_labels


@MODELS.register_module()
class NoLAClassifier(SelfTrainingClassifier):
    r"""NoLA (arXiv 2411.19346): a second encoder labels the images for CLIP.

    1. :math:`W_c` is the unit mean of the text features of templates and, if
       there are some, an LLM's sentences.
    2. The images of which :math:`\mathrm{softmax}(s f_0(w_i) W^\top)` is most
       confident keep its labels (`confident_images`).
    3. A head :math:`h` learns them from frozen features :math:`d` of the
       second encoder (`fit_label_head`), which sees its own normalisation.
    4. The student, CLIP's image tower and a linear classifier that starts at
       W, learns the head's labels of all images on strong views:

    .. math::
        y_i = \arg\max h(d(w_i)), \quad
        L = CE_{\epsilon}(s\, f(s_i) W^\top, y_i)

    The labels never change: they are made once, from cached features. The
    last epoch predicts; no labelled image validates. The paper has 16 visual
    prompts besides, features of any length and no scale; here features are
    unit vectors and s is CLIP's scale, and what trains is what
    ``clip.tuning`` selects.

    Args:
        *args: See `PrototypeClassifier`.
        share (float): Of a class's fair share of the images that the head
            learns from. Defaults to 0.2.
        least (int): Images of a class at least. Defaults to 16.
        head (dict, optional): Options of `fit_label_head`.
        smoothing (float): Label smoothing of the student. Defaults to 0.1.
        **kwargs: See `SelfTrainingClassifier`.
    """

    views = ('strong',)
    reads_second = True

    def __init__(
        self,
        *args,
        share: float = 0.2,
        least: int = 16,
        head: dict | None = None,
        smoothing: float = 0.1,
        memory: dict | None = None,
        **kwargs,
    ) -> None:
        memory = {'normalize': False, **(memory or {})}
        super().__init__(*args, memory=memory, **kwargs)
        if not 0 < share <= 1 or least < 1:
            raise ValueError(
                'NoLAClassifier: share must be in (0, 1] and least positive, '
                f'got {share} and {least}'
            )
        self.share, self.least = share, least
        self.head = head or {}
        self.smoothing = smoothing

    @torch.no_grad()
    def encode_classes(self) -> Tensor:
        """Encode templates and sentences of every class, (C, D)."""
        if self.descriptions is None:
            return super().encode_classes()
        named = texts_of_classes(
            self.class_names, self.templates, None, self.prompt_names
        )
        told = read_descriptions(self.descriptions, self.class_names)
        means = [
            self.clip.encode_texts([*a, *b]).mean(dim=0)
            for a, b in zip(named, told, strict=True)
        ]
        return F.normalize(torch.stack(means), dim=1)

    @torch.no_grad()
    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Label the training images by the head, or by answers.

        Raises:
            ValueError: If there are no features of a second encoder.
        """
        super().set_frozen(frozen)
        if self.given:
            labels = torch.from_numpy(self.frozen.labels)
        elif frozen.second is None:
            raise ValueError(
                'NoLAClassifier needs a second encoder: set default_hooks.'
                "frozen_features.second_encoder, e.g. dict(type='mmlatte."
                "TimmEncoder', model_name='vit_base_patch16_224.dino')"
            )
        else:
            labels = self._label(frozen, frozen.second)
        self.labels = labels.to(self.memory.weight.device)

    def _label(self, frozen: FrozenFeatures, second: FrozenFeatures) -> Tensor:
        """Learn a head from confident images, and label all, (N,)."""
        texts = frozen.scale * frozen.texts().T
        probabilities = torch.cat(
            [(f @ texts).softmax(dim=1).cpu() for _, f in frozen.chunks()]
        )
        rows, taught = confident_images(probabilities, self.share, self.least)
        head = fit_label_head(
            second.rows(rows.numpy()).cpu(),
            taught,
            frozen.classes,
            **self.head,
        )
        labels = head_labels(head, second)
        broadcast(labels)  # other hardware may round another way
        changed = (labels.numpy() != frozen.labels).mean()
        print_log(
            f'NoLA: a head of the second encoder learned {len(rows)} '
            f'pseudo-labels and labels {changed:.1%} of the images unlike '
            'zero-shot CLIP',
            'current',
        )
        return labels

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Learn the head's labels on strong views.

        Args:
            inputs (Tensor): Strong views, (B, 3, H, W).
            data_samples (list[DataSample]): With ``sample_idx``.

        Returns:
            dict[str, Tensor]: The loss.
        """
        (strong,) = self.split_views(inputs, data_samples)
        logits = self.logits(strong)
        batch, ids, valid = global_batch(data_samples, logits.device)
        valid = self.given.trained(valid, ids)
        with full_precision(logits):
            logits = batch.gather(logits)
            loss = cross_entropy(
                logits, self.labels[ids], valid, smoothing=self.smoothing
            )
        return {'loss': loss}
