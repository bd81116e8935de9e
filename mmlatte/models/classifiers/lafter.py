import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.models.class_descriptions import read_descriptions
from mmlatte.models.class_texts import texts_of_classes
from mmlatte.models.global_batch import global_batch
from mmlatte.models.losses import cross_entropy
from mmlatte.models.precision import full_precision
from mmlatte.registry import MODELS

from .self_training_classifier import SelfTrainingClassifier


def fit_text_classifier(
    texts: Tensor,
    labels: Tensor,
    weight: Tensor,
    scale: Tensor,
    epochs: int,
    noise: float,
    smoothing: float,
    lr: float,
    generator: torch.Generator,
) -> Tensor:
    r"""Fit a linear classifier of images to texts alone.

    .. math::
        \min_W CE(s \,\mathrm{normalize}(t + \epsilon)\, W^T, y), \quad
        \epsilon \sim N(0, \sigma^2 / D)

    with AdamW on the full batch. Text and image features share a space, the
    noise bridges their gap.

    Args:
        texts (Tensor): Unit text features, (M, D).
        labels (Tensor): Their classes, (M,).
        weight (Tensor): Start, (C, D).
        scale (Tensor): ``s``, a scalar.
        epochs (int): Steps.
        noise (float): :math:`\sigma`, the length of the noise.
        smoothing (float): Label smoothing.
        lr (float): Learning rate.
        generator (torch.Generator): Draws the noise, on the host.

    Returns:
        Tensor: ``W``, (C, D).
    """
    weight = weight.clone().requires_grad_()
    optimizer = torch.optim.AdamW([weight], lr=lr)
    spread = noise / texts.shape[1] ** 0.5
    with torch.enable_grad():
        for _ in range(epochs):
            drawn = torch.randn(
                texts.shape, generator=generator, dtype=torch.float32
            ).to(texts)
            noisy = F.normalize(texts + spread * drawn, dim=1)
            loss = F.cross_entropy(
                scale * noisy @ weight.T, labels, label_smoothing=smoothing
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return weight.detach()


@MODELS.register_module()
class LaFTerClassifier(SelfTrainingClassifier):
    r"""LaFTer (arXiv 2305.18287): learn from texts, then from own labels.

    First a linear classifier :math:`h_0` learns to classify the sentences of
    the classes (`fit_text_classifier`). It labels the weak views, seen by
    the frozen tower; the student, a copy of both, learns them on strong views:

    .. math::
        y_i = \arg\max h_0(f_0(w_i)), \quad
        L = CE_{\epsilon}(s\, h(f(s_i)), y_i)

    The weak view of a fixed teacher never changes: its labels are made once,
    from frozen CLIP's features. The paper's classifier has logits without a
    scale on features that the student does not normalise; here features are
    unit vectors everywhere and ``s`` is the CLIP's scale. It adds prompts to
    transformers; what trains here is what ``clip.tuning`` selects.

    Args:
        *args: See `PrototypeClassifier`; ``descriptions`` are needed.
        text_epochs (int): Steps of the text classifier. Defaults to 400.
        text_noise (float): Length of the noise. Defaults to 1.6, which is
            0.1 in each of 256 dimensions.
        text_lr (float): Its learning rate. Defaults to 1e-3.
        smoothing (float): Label smoothing of both stages. Defaults to 0.1.
        **kwargs: See `SelfTrainingClassifier`.

    Raises:
        ValueError: If there are no descriptions.
    """

    views = ('strong',)

    def __init__(
        self,
        *args,
        text_epochs: int = 400,
        text_noise: float = 1.6,
        text_lr: float = 1e-3,
        smoothing: float = 0.1,
        memory: dict | None = None,
        **kwargs,
    ) -> None:
        memory = {'normalize': False, **(memory or {})}
        super().__init__(*args, memory=memory, **kwargs)
        if self.descriptions is None:
            raise ValueError(
                'LaFTerClassifier needs `descriptions`: a JSON of {class '
                'name: [sentence, ...]} that a language model wrote'
            )
        self.text_epochs = text_epochs
        self.text_noise = text_noise
        self.text_lr = text_lr
        self.smoothing = smoothing
        self.register_buffer('teacher_weight', self.memory.weight.clone())

    @torch.no_grad()
    def init_weights(self) -> None:
        """Fit the text classifier; it is the start of student and teacher."""
        sentences = read_descriptions(self.descriptions, self.class_names)
        named = texts_of_classes(
            self.class_names, self.templates, None, self.prompt_names
        )
        texts = [[*a, *b] for a, b in zip(named, sentences, strict=True)]
        features = self.clip.encode_texts([t for own in texts for t in own])
        features = features.to(self.memory.weight)
        labels = torch.tensor([c for c, own in enumerate(texts) for _ in own])
        labels = labels.to(features.device)
        weight = fit_text_classifier(
            features,
            labels,
            self.encode_classes().to(features),
            self.clip.scale,
            self.text_epochs,
            self.text_noise,
            self.smoothing,
            self.text_lr,
            torch.Generator().manual_seed(0),
        )
        right = (features @ weight.T).argmax(dim=1) == labels
        share = 100 * right.float().mean()
        print_log(
            f'LaFTer: the text classifier fits {share:.1f} % of its '
            f'{len(labels)} texts.',
            logger='current',
        )
        self.memory.reset(weight)
        self.teacher_weight.copy_(weight)

    @torch.no_grad()
    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Label the training images by the text classifier, or answers."""
        super().set_frozen(frozen)
        if self.given:
            self.labels = torch.from_numpy(self.frozen.labels)
            self.labels = self.labels.to(self.teacher_weight.device)
            return
        teacher = self.teacher_weight
        self.labels = torch.cat(
            [
                (features.to(teacher) @ teacher.T).argmax(dim=1)
                for _, features in frozen.chunks()
            ]
        )

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Learn the teacher's labels on strong views.

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
