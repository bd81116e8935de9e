from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass
class SourceClassifier:
    r"""What images and names say, averaged; it labels one image by itself.

    .. math::
        p(f) = \tfrac12 \textstyle\sum_e a_e\,\mathrm{softmax}_c\big(
            \log \mathcal N(f_e; \mu_{ec}, \sigma_e) / \tau\big)
            + \tfrac12 \textstyle\sum_e b_e\,\mathrm{softmax}_c(t_{ec}^\top
            f_e)

    Features of several encoders lie side by side: :math:`f = [f_1, f_2,
    \dots]`, D numbers in all.

    Args:
        widths (Tensor): Dimensions of every encoder, (E,).
        texts (Tensor): t, class features times the logit scale, 0 where an
            encoder reads no names, (C, D).
        means (Tensor): Unit length for every encoder, (C, D).
        variance (Tensor): :math:`\sigma`, (D,).
        image_weights (Tensor): a, summing to 1, (E,).
        text_weights (Tensor): b, summing to 1, 0 where an encoder reads no
            names, (E,).
        temper (Tensor): :math:`\tau`, ().
    """

    widths: Tensor
    texts: Tensor
    means: Tensor
    variance: Tensor
    image_weights: Tensor
    text_weights: Tensor
    temper: Tensor

    def _split(self, features: Tensor) -> tuple[Tensor, ...]:
        return features.split(self.widths.int().tolist(), dim=-1)

    def text_posteriors(self, features: Tensor) -> Tensor:
        """Return what names say, (E, n, C)."""
        pairs = zip(
            self._split(features), self._split(self.texts), strict=True
        )
        return torch.stack([(f @ t.T).softmax(dim=1) for f, t in pairs])

    def image_posteriors(self, features: Tensor) -> Tensor:
        """Return what images say, (E, n, C)."""
        parts = zip(
            self._split(features),
            self._split(self.means),
            self._split(self.variance),
            strict=True,
        )
        found = []
        for f, mean, variance in parts:
            precise = mean / variance
            # Up to what is equal for all classes.
            log_p = f @ precise.T - 0.5 * (precise * mean).sum(dim=1)
            found.append((log_p / self.temper).softmax(dim=1))
        return torch.stack(found)

    def posteriors(self, images: Tensor, texts: Tensor) -> Tensor:
        """Average both kinds of sources, (n, C)."""
        image = torch.tensordot(self.image_weights, images, dims=1)
        return (image + torch.tensordot(self.text_weights, texts, dims=1)) / 2

    def logits(self, features: Tensor) -> Tensor:
        """Return the log posteriors, (n, C)."""
        posteriors = self.posteriors(
            self.image_posteriors(features), self.text_posteriors(features)
        )
        return posteriors.clamp(min=1e-30).log()

    def single(self) -> 'SourceClassifier':
        """Return the same in single precision, as checkpoints hold it."""
        values = {name: value.float() for name, value in vars(self).items()}
        return SourceClassifier(**values)
