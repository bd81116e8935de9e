import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.models.clip.text_encoding import to_device
from mmlatte.models.given_labels import GivenLabels
from mmlatte.models.global_batch import global_batch
from mmlatte.models.precision import full_precision
from mmlatte.models.sample_rows import labels_of
from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier


@MODELS.register_module()
class FLYPClassifier(PrototypeClassifier):
    r"""Fine-tune like you pretrain (arXiv 2212.00638) on zero-shot labels.

    Both towers train on CLIP's own loss between images and the text of their
    class; the class is frozen CLIP's, once and for all.

    .. math::
        L = \tfrac12 [CE(s Z T^T, I) + CE(s T Z^T, I)], \quad
        t_i = g(\mathrm{template}(y_i))

    As published, images of one class in a batch are each other's negatives
    (``positives='diagonal'``). Prediction: the class texts under the text
    tower as it is now. The published method draws a template per sample; with
    labels this is the baseline of LatteCLIP, which has one.

    Args:
        loss (dict, optional): Config of the loss. Defaults to
            ``mmlatte.ContrastiveLoss``.
        **kwargs: See `PrototypeClassifier`.
    """

    needs_frozen = True
    replays = True
    takes_answers = True

    def __init__(self, *args, loss: dict | None = None, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.contrastive = MODELS.build(
            loss or dict(type='mmlatte.ContrastiveLoss')
        )

    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Take the labels of the training images: zero-shot, or by answers."""
        self.given = GivenLabels(frozen)

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Compare the images of a batch with the texts of their classes.

        Args:
            inputs (Tensor): Augmented images of this rank, (B, 3, H, W).
            data_samples (list[DataSample]): With ``sample_idx``.

        Returns:
            dict[str, Tensor]: The loss, and the logit scale for the log.
        """
        if self.given.frozen is None:
            raise RuntimeError(
                'FLYPClassifier has no zero-shot labels; add '
                'mmlatte.FrozenFeaturesHook (configs/_base_/method_runtime.py)'
            )
        self.clip.clamp_logit_scale_()
        z = self.extract_feat(inputs)
        y = labels_of(self.given.frozen, data_samples)  # on the host
        classes, rows = y.unique(return_inverse=True)
        texts = self.class_texts()
        t = self.clip.encode_texts([texts[c] for c in classes.tolist()])
        # Not t[rows]: see `DynamicFeatureMixer`.
        t = F.embedding(to_device(rows, z.device), t.to(z))
        batch, ids, valid = global_batch(data_samples, z.device)
        valid = self.given.trained(valid, ids)
        with full_precision(z):
            z = batch.gather(z)
            loss = self.contrastive(
                z,
                batch.gather(t),
                self.clip.scale,
                batch.gather(to_device(y, z.device)),
                valid,
            )
            losses = {'loss': loss}
            if self.replay is not None:
                losses['loss_replay'] = self.replay(
                    z, self.given.frozen, data_samples, batch, valid
                )
        return {**losses, 'logit_scale': self.clip.scale.detach()}

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Predict with the class texts under the text tower of now."""
        self.memory.reset(self.encode_classes())
