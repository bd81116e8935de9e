"""LatteCLIP (arXiv 2410.08211), readable beside the paper.

Symbols: z image feature, t text feature, m prototype, v target of the
contrastive loss, y pseudo-label, s logit scale, alpha momentum.
"""

from collections.abc import Sequence

import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.models.clip.text_encoding import to_device
from mmlatte.models.given_labels import GivenLabels
from mmlatte.models.global_batch import global_batch
from mmlatte.models.precision import full_precision
from mmlatte.models.sample_rows import labels_of, sample_indices
from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier

#: The three texts of an image, in the order of the mixing weights.
TEXTS = ('class', 'image', 'group')


@MODELS.register_module()
class LatteCLIPClassifier(PrototypeClassifier):
    r"""Fine-tune CLIP on unlabelled images with texts written by an LMM.

    One step, for the label sources Z (frozen CLIP) and F (this model)::

        z_i = f(aug(x_i))                                   unit
        y^F_i = argmax_c z_i . m_c                          y^Z_i is given
        t_1, t_2, t_3 = g(class text of y), g(image text), g(group text)
        w_k = best_c(t_k . m_c) - second_best_c(t_k . m_c) + 1e-6
        t = sum_k w_k t_k / sum_k w_k                       DynamicFeatureMixer
        v = m_y + alpha (t - m_y)                           PrototypeMemory
        L = sum over the sources of InfoNCE(z, v, s)        DualPseudoLabelHead

    After the optimizer's step (`end_step`) the prototype of every class of the
    global batch becomes the normalised mean of its ``v``. With gradient
    accumulation the memory collects over the accumulated batches: prototypes,
    pseudo-labels and mixing weights are those of one large batch. What differs
    is the contrastive loss, in which an image meets the texts of its own
    (global) batch only; more ranks give a larger batch without that
    difference. A step that the loss scaler of mixed precision skips moves the
    prototypes all the same: they depend on the forward pass only.

    Everything that is compared between samples, the contrastive loss and the
    prototypes, is computed on the global batch: W ranks with batch B/W follow
    one rank with batch B.

    Args:
        texts (Sequence[str]): Kinds of texts to mix, a subset of ``'class'``,
            ``'image'`` and ``'group'``. Defaults to all three.
        neck (dict, optional): Config of the mixer.
        head (dict, optional): Config of the head.
        **kwargs: See `PrototypeClassifier`.
    """

    uses_lmm = True
    takes_answers = True
    replays = True

    def __init__(
        self,
        *args,
        texts: Sequence[str] = TEXTS,
        neck: dict | None = None,
        head: dict | None = None,
        memory: dict | None = None,
        **kwargs,
    ) -> None:
        unknown = [kind for kind in texts if kind not in TEXTS]
        if unknown or not texts:
            raise ValueError(
                f'texts must name at least one of {TEXTS}, got {tuple(texts)}'
            )
        mixer = MODELS.build(neck or dict(type='mmlatte.DynamicFeatureMixer'))
        memory = {'keep_epoch_start': mixer.stale, **(memory or {})}
        super().__init__(*args, memory=memory, **kwargs)
        self.texts = [kind for kind in TEXTS if kind in texts]
        self.neck = mixer
        self.head = MODELS.build(
            head or dict(type='mmlatte.DualPseudoLabelHead')
        )

    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Take answers about a few images, if there are some."""
        self.given = GivenLabels(frozen)

    def start_epoch(self, epoch: int, max_epochs: int) -> None:
        """Remember the prototypes, for a mixer that is ``stale``.

        With answers, the first are those of the fit to the answers.
        """
        first = self.given.prototypes() if epoch == 0 else None
        if first is not None:
            self.memory.reset(first)
        self.memory.start_epoch()

    def end_step(self) -> None:
        """Move the prototypes by what was collected."""
        self.memory.step()

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Compute the losses of one batch and collect the prototype update.

        Args:
            inputs (Tensor): Augmented images of this rank, (B, 3, H, W).
            data_samples (list[DataSample]): With ``zero_shot_label`` and,
                for the kinds in use, ``<kind>_text`` and ``<kind>_tokens``.

        Returns:
            dict[str, Tensor]: One loss per label source; for the log, the
            share of every text in the mix (``mix_<kind>``), how often the two
            labels agree, and the logit scale.
        """
        self.clip.clamp_logit_scale_()
        z = self.extract_feat(inputs)
        frozen = self._frozen_labels(data_samples, z.device)
        with full_precision(z):
            y = self.head.pseudo_labels(z, self.memory.prototypes, frozen)
        if self.given:
            ids = sample_indices(data_samples)
            y = {source: self.given.put(y[source], ids) for source in y}
        t, rows = self._encode_texts(data_samples, y)
        with full_precision(z):
            return self._match(z, y, t, rows, data_samples)

    def _match(
        self,
        z: Tensor,
        y: dict[str, Tensor],
        t: Tensor,
        rows: dict[str, Tensor],
        data_samples: list[DataSample],
    ) -> dict[str, Tensor]:
        """Mix the texts and compare them with the images.

        Args:
            z (Tensor): Image features, (B, D).
            y (dict[str, Tensor]): Pseudo-labels per source, (B,).
            t (Tensor): Features of the distinct texts, (U, D).
            rows (dict[str, Tensor]): Rows of ``t`` per source, (B, K).
            data_samples (list[DataSample]): Of this rank.
        """
        memory = self.memory
        m = memory.epoch_start if self.neck.stale else memory.prototypes
        v, shares = {}, []
        for source in y:
            mixed, share = self.neck(t, rows[source], m)
            v[source] = memory.blend(mixed, y[source])
            shares.append(share)

        # From here on, everything is about the global batch.
        batch, ids, valid = global_batch(data_samples, z.device)
        valid = self.given.trained(valid, ids)
        z = batch.gather(z)
        v = {source: batch.gather(v[source]) for source in v}
        y = {source: batch.gather(y[source]) for source in y}
        scale = self.clip.scale
        losses = self.head.loss(z, v, y, scale, valid)
        if self.replay is not None:
            losses['loss_replay'] = self.replay(
                z, self.given.frozen, data_samples, batch, valid
            )
        for source in y:
            memory.collect(v[source], y[source], valid)

        logged = {'logit_scale': scale.detach()}
        share = torch.cat(shares).mean(dim=0)
        logged.update({f'mix_{k}': share[i] for i, k in enumerate(self.texts)})
        if len(y) == 2:
            same = y['zero_shot'] == y['finetuned']
            logged['agreement'] = same.float().mean()
        return {**losses, **logged}

    def _frozen_labels(self, data_samples: list[DataSample], device) -> Tensor:
        """Return ``y^Z``: zero-shot labels, or those by the answers, (B,)."""
        if not self.given:
            return _zero_shot_labels(data_samples, device)
        return to_device(labels_of(self.given.frozen, data_samples), device)

    def _encode_texts(
        self, data_samples: list[DataSample], labels: dict[str, Tensor]
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Encode every distinct text of the batch once.

        Returns:
            tuple: Unit features of the U distinct texts (U, D), and per label
            source the row of every sample's texts, (B, K).
        """
        tokens: dict[str, Tensor] = {}  # in the order of first use
        texts = {
            kind: [_text(sample, kind, tokens) for sample in data_samples]
            for kind in self.texts
            if kind != 'class'
        }
        if 'class' in self.texts:
            classes = self._classes_in_use(labels)
            class_texts = self.class_texts()
            texts['class'] = [class_texts[c] for c in classes.tolist()]
            for text in texts['class']:
                tokens.setdefault(text, self.clip.tokenize(text))

        device = self.memory.prototypes.device
        row = {text: i for i, text in enumerate(tokens)}
        rows_of = {
            kind: to_device(
                torch.tensor([row[t] for t in texts[kind]]), device
            )
            for kind in self.texts
        }
        rows = {}
        for source, y in labels.items():
            columns = dict(rows_of)
            if 'class' in self.texts:
                place = torch.searchsorted(to_device(classes, device), y)
                columns['class'] = columns['class'][place]
            rows[source] = torch.stack(list(columns.values()), dim=1)
        features = self.clip.encode_text(self.clip.pad(list(tokens.values())))
        return features.to(self.memory.prototypes), rows

    def _classes_in_use(self, labels: dict[str, Tensor]) -> Tensor:
        """Return the classes whose texts a batch needs, sorted, on the host.

        The host waits for the image features, which decide. If the classes are
        few beside the samples, it takes them all, so as not to wait.
        """
        num_classes = len(self.memory.prototypes)
        if 4 * num_classes <= min(map(len, labels.values())):
            return torch.arange(num_classes)
        return torch.cat(list(labels.values())).unique().cpu()


def _zero_shot_labels(data_samples: list[DataSample], device) -> Tensor:
    if not all('zero_shot_label' in sample for sample in data_samples):
        raise ValueError(
            'a training sample has no zero_shot_label: the train pipeline '
            'needs mmlatte.LoadTexts, and custom_hooks '
            'mmlatte.ZeroShotLabelHook and mmlatte.LMMTextSynthHook'
        )
    labels = [sample.zero_shot_label for sample in data_samples]
    return to_device(torch.tensor(labels), device)


def _text(sample: DataSample, kind: str, tokens: dict[str, Tensor]) -> str:
    """Return the sample's text of a kind and remember its tokens."""
    if f'{kind}_text' not in sample:
        raise ValueError(
            f'sample {sample.get("sample_id")!r} has no {kind} text: let '
            f"mmlatte.LoadTexts load it, or leave {kind!r} out of the model's "
            '`texts`'
        )
    text = sample.get(f'{kind}_text')
    if text not in tokens:
        tokens[text] = torch.as_tensor(sample.get(f'{kind}_tokens'))
    return text
