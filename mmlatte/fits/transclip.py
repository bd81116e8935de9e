"""TransCLIP-ZS (arXiv 2406.01837), readable beside the paper."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from .fit import Fit
from .frozen_features import FrozenFeatures
from .neighbour_graph import sum_along_edges

__all__ = ['TransCLIPOptions', 'TransductiveClassifier', 'fit_transclip']


@dataclass(frozen=True)
class TransCLIPOptions:
    """Options of `fit_transclip`.

    Args:
        neighbours (int): K. Defaults to 3.
        outer (int): Steps of the Gaussians. Defaults to 10.
        inner (int): Steps of z in each. Defaults to 5.
        confident (int): Images per class to start from. Defaults to 8.
    """

    neighbours: int = 3
    outer: int = 10
    inner: int = 5
    confident: int = 8

    def __post_init__(self) -> None:
        if min(self.neighbours, self.outer, self.inner, self.confident) < 1:
            raise ValueError(
                'neighbours, outer, inner and confident must be positive'
            )


@dataclass
class TransductiveClassifier:
    """The state of `fit_transclip`, which labels an image by one more step.

    For a fitted image its neighbours are those of the fit; for another image
    they are found among the fitted ones.

    Args:
        keys (Tensor): Fitted features f, (N, D).
        assignments (Tensor): z, (N, C).
        reach (Tensor): Cosine of the last neighbour, (N,).
        means (Tensor): (C, D).
        variance (Tensor): sigma, (D,).
        texts (Tensor): Unit class features, (C, D).
        scale (Tensor): Logit scale s, ().
        neighbours (Tensor): K, ().
    """

    keys: Tensor
    assignments: Tensor
    reach: Tensor
    means: Tensor
    variance: Tensor
    texts: Tensor
    scale: Tensor
    neighbours: Tensor

    def text_logits(self, features: Tensor) -> Tensor:
        """Return the zero-shot logits, (n, C)."""
        return self.scale * features @ self.texts.T

    def log_density(self, f: Tensor) -> Tensor:
        """Return log p up to what is equal for all classes, (n, C)."""
        precise = self.means / self.variance
        return f @ precise.T - 0.5 * (precise * self.means).sum(dim=1)

    def combine(self, text: Tensor, log_p: Tensor, pull: Tensor) -> Tensor:
        """Return log z up to a constant, (n, C)."""
        return text + log_p / 50 + pull / (2 * self.neighbours)

    def logits(self, features: Tensor) -> Tensor:
        """Return log z of images up to a constant, (n, C)."""
        cosines = features @ self.keys.T
        cosines[cosines > 1 - 1e-5] = -2  # not oneself
        last = cosines.topk(int(self.neighbours)).values[:, -1:]
        back = cosines >= self.reach - 1e-6
        both = (cosines >= last).float() + back.float()
        pull = (cosines.clamp(min=0) * both) @ self.assignments
        text = self.text_logits(features)
        return self.combine(text, self.log_density(features), pull)


@torch.no_grad()
def fit_transclip(
    frozen: FrozenFeatures, options: TransCLIPOptions | None = None
) -> Fit[TransductiveClassifier]:
    r"""Label images together: Gaussians, neighbours, class texts.

    With :math:`\hat y_i = \mathrm{softmax}(s f_i^\top m)`, the K nearest
    other images as neighbours, :math:`w_{ij} = \max(0, f_i^\top f_j)` for
    them and 0 else, repeat

    .. math::
        z_i &\propto \hat y_i \exp\Big(\big(\log p_i + \tfrac{50}{2K}
            \textstyle\sum_j (w_{ij} + w_{ji}) z_j\big) / 50\Big), \quad
        \log p_{ic} = -\tfrac12 \textstyle\sum_d (f_{id} - \mu_{cd})^2 /
            \sigma_d \\
        \mu_c &= \mathrm{normalize}(\textstyle\sum_i z_{ic} f_i), \quad
        \sigma_d = \tfrac1N \textstyle\sum_{ic} z_{ic}
            (f_{id} - \mu_{cd})^2

    with ``inner`` steps of z for each of the ``outer`` steps of the
    Gaussians. They start from the 8 most confident images per class and
    :math:`\sigma_d = 1 / D`. The division by 50 and the weight of the
    neighbours are the released code's.

    Args:
        frozen (FrozenFeatures): Of the images to predict, N > K of them.
        options (TransCLIPOptions, optional): Defaults to the default ones.

    Raises:
        ValueError: If there are no more than K images.
    """
    options = options or TransCLIPOptions()
    f, texts = frozen.rows(), frozen.texts()
    nearest, weights, reach = _neighbours(f, options.neighbours)
    scale = torch.tensor(frozen.scale, device=f.device)
    text = scale * f @ texts.T
    z = text.softmax(dim=1)
    top = z.topk(min(options.confident, len(f)), dim=0).indices  # (k, C)
    model = TransductiveClassifier(
        keys=f,
        assignments=z,
        reach=reach,
        means=F.normalize(f[top].mean(dim=0), dim=1),
        variance=torch.full_like(f[0], 1 / f.shape[1]),
        texts=texts,
        scale=scale,
        neighbours=torch.tensor(options.neighbours, device=f.device),
    )
    # Every edge in both directions: (w_ij + w_ji) z_j sums along them.
    rows = torch.arange(len(f), device=f.device)
    rows = rows.repeat_interleave(options.neighbours)
    source = torch.cat([rows, nearest.flatten()])
    target = torch.cat([nearest.flatten(), rows])
    weight = weights.flatten().repeat(2).unsqueeze(1)
    for _ in range(options.outer):
        log_p = model.log_density(f)
        for _ in range(options.inner):
            pull = sum_along_edges(source, target, weight, z)
            z = model.combine(text, log_p, pull).softmax(dim=1)
        model.means = F.normalize(z.T @ f, dim=1)
        model.variance = _variance(f, z, model.means)
    model.assignments = z
    unused = torch.zeros(len(texts), dtype=torch.bool)
    return Fit(model, z.argmax(dim=1).cpu(), unused)


def _variance(f: Tensor, z: Tensor, means: Tensor) -> Tensor:
    """Return the variance of every dimension around the means, (D,)."""
    mass = z.sum(dim=0)
    cross = ((z.T @ f) * means).sum(dim=0)
    own = (mass.unsqueeze(1) * means.square()).sum(dim=0)
    spread = (f.square().sum(dim=0) - 2 * cross + own) / len(f)
    return spread.clamp(min=1e-12)


def _neighbours(f: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Find the nearest other images.

    Returns:
        tuple: Their rows (N, K), their weights (N, K), and the cosine of
        the last of them, (N,).
    """
    if len(f) <= count:
        raise ValueError(
            f'TransCLIP needs more than {count} images to fit, got {len(f)}'
        )
    parts = []
    for start in range(0, len(f), 1024):
        cosines = f[start : start + 1024] @ f.T
        rows = torch.arange(len(cosines), device=f.device)
        cosines[rows, start + rows] = -2  # not oneself
        parts.append(cosines.topk(count, dim=1))
    cosines = torch.cat([part.values for part in parts])
    nearest = torch.cat([part.indices for part in parts])
    return nearest, cosines.clamp(min=0), cosines[:, -1].contiguous()
