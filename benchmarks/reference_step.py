"""One training step as the LatteCLIP reference code does it.

Written from the specification for the benchmark `train_step.py`, to measure
its cost and nothing else: four texts per image, all padded to the full
context, gradient checkpointing in both towers, Python loops over the samples,
prototypes in a dict. Its known errors are not repeated where they do not
change the cost.
"""

import math
from collections import defaultdict

import open_clip
import torch
import torch.nn.functional as F
from torch import Tensor


class ReferenceStep:
    """The step, with a model and an optimizer of its own.

    Args:
        model_name (str): open_clip model, or ``local-dir:FOLDER``.
        class_names (list[str]): The classes.
        template (str): Class text with ``{}``.
        device (torch.device): Where to train.
        dtype (torch.dtype): float32, or the type of autocast.
    """

    def __init__(
        self,
        model_name: str,
        class_names: list[str],
        template: str,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        self.model = open_clip.create_model(model_name).to(device).train()
        self.model.set_grad_checkpointing(True)
        self.tokenizer = open_clip.get_tokenizer(model_name)
        self.class_names, self.template = class_names, template
        self.device, self.dtype = device, dtype
        decayed, others = [], []
        for parameter in self.model.parameters():
            (decayed if parameter.ndim >= 2 else others).append(parameter)
        self.optimizer = torch.optim.AdamW(
            [
                dict(params=decayed, weight_decay=0.2),
                dict(params=others, weight_decay=0.0),
            ],
            lr=1e-7,
            betas=(0.9, 0.98),
            eps=1e-6,
        )
        self.scaler = torch.amp.GradScaler(
            device.type, enabled=dtype == torch.float16
        )
        with torch.no_grad():
            width = self._encode([template]).shape[1]
        self.bank = {
            name: F.normalize(torch.randn(width, device=device), dim=0)
            for name in class_names
        }

    def __call__(
        self, images: Tensor, image_texts, group_texts, zero_shot: list[int]
    ) -> float:
        """Train on one batch.

        Args:
            images (Tensor): (B, 3, H, W), normalised.
            image_texts (list[str]): (B,).
            group_texts (list[str]): (B,).
            zero_shot (list[int]): (B,), labels.

        Returns:
            float: The loss.
        """
        names = self.class_names
        classifier = torch.stack([self.bank[name] for name in names])
        self.optimizer.zero_grad()
        with torch.autocast(
            self.device.type, self.dtype, enabled=self.dtype != torch.float32
        ):
            z = self.model.encode_image(images, normalize=True)
            scale = self.model.logit_scale.exp()
            finetuned = (z @ classifier.T).argmax(dim=1)

            texts, old = {'zero_shot': [], 'finetuned': []}, defaultdict(list)
            for i in range(len(images)):
                name = names[finetuned[i]]
                name_zero_shot = names[zero_shot[i]]
                texts['finetuned'].append(self.template.format(name))
                texts['zero_shot'].append(self.template.format(name_zero_shot))
                old['finetuned'].append(self.bank[name])
                old['zero_shot'].append(self.bank[name_zero_shot])

            features = [
                self._encode(t)
                for t in (
                    texts['finetuned'],
                    texts['zero_shot'],
                    image_texts,
                    group_texts,
                )
            ]
            blended, total = {}, 0.0
            for source, own in (
                ('finetuned', features[0]),
                ('zero_shot', features[1]),
            ):
                kinds = (own, features[2], features[3])
                weights = [_margin(t, classifier) for t in kinds]
                mixed = sum(
                    w.unsqueeze(1) * t
                    for w, t in zip(weights, kinds, strict=True)
                ) / sum(weights).unsqueeze(1)
                prototypes = torch.stack(old[source])
                v = prototypes + 0.01 * (mixed - prototypes)
                blended[source] = v
                logits = scale * z @ v.T
                target = torch.arange(len(z), device=self.device)
                total = total + F.cross_entropy(logits, target) / 2
                total = total + F.cross_entropy(logits.T, target) / 2
        self.scaler.scale(total).backward()
        self._update_bank(blended, finetuned, zero_shot)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, math.log(100))
        return total.item()

    def _encode(self, texts: list[str]) -> Tensor:
        tokens = self.tokenizer(texts).to(self.device)
        return self.model.encode_text(tokens, normalize=True)

    @torch.no_grad()
    def _update_bank(self, blended, finetuned, zero_shot) -> None:
        sums, counts = {}, defaultdict(int)
        for i in range(len(zero_shot)):
            for source, label in (
                ('zero_shot', zero_shot[i]),
                ('finetuned', int(finetuned[i])),
            ):
                name = self.class_names[label]
                if name not in sums:
                    sums[name] = torch.zeros_like(blended[source][i])
                sums[name] += blended[source][i]
                counts[name] += 1
        for name in sums:
            mean = sums[name] / counts[name]
            self.bank[name] = F.normalize(mean, dim=0).float()


def _margin(texts: Tensor, classifier: Tensor) -> Tensor:
    """Best minus second best cosine of every text, (B,)."""
    expanded = classifier.T.unsqueeze(0).expand(len(texts), -1, -1)
    cosines = torch.bmm(texts.unsqueeze(1).float(), expanded).squeeze(1)
    best = cosines.topk(2, dim=1).values
    return (best[:, 0] - best[:, 1]).detach() + 1e-6
