"""TransCLIP-ZS (arXiv 2406.01837), readable beside the paper."""

import torch
import torch.nn.functional as F
from torch import Tensor

from mmlatte.models.frozen_features import FrozenFeatures
from mmlatte.models.neighbour_graph import carry
from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier, full_precision


@MODELS.register_module()
class TransCLIPClassifier(PrototypeClassifier):
    r"""Label the test images together: Gaussians, neighbours, class texts.

    Transductive: fit it on the images it is to predict (the config reads the
    test images, without labels). With :math:`\hat y_i = \mathrm{softmax}(s\,
    f_i^\top m)`, the K nearest other images as neighbours, :math:`w_{ij} =
    \max(0, f_i^\top f_j)` for them and 0 else, repeat

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

    An image is predicted by one more step of z. For a fitted image its
    neighbours are those of the fit; for another image they are found among
    the fitted ones.

    Args:
        neighbours (int): K. Defaults to 3.
        outer (int): Steps of the Gaussians. Defaults to 10.
        inner (int): Steps of z in each. Defaults to 5.
        confident (int): Images per class to start from. Defaults to 8.
        **kwargs: See `PrototypeClassifier`.
    """

    transductive = True
    fits = True

    keys: Tensor
    assignments: Tensor
    reach: Tensor
    means: Tensor
    variance: Tensor

    def __init__(
        self,
        *args,
        neighbours: int = 3,
        outer: int = 10,
        inner: int = 5,
        confident: int = 8,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if min(neighbours, outer, inner, confident) < 1:
            raise ValueError(
                'neighbours, outer, inner and confident must be positive'
            )
        self.neighbours = neighbours
        self.outer = outer
        self.inner = inner
        self.confident = confident
        m = self.memory.prototypes
        # Empty until fitted; see AnyShapeBuffers.
        self.register_buffer('keys', m.new_zeros(0, m.shape[1]))
        self.register_buffer('assignments', m.new_zeros(0, len(m)))
        self.register_buffer('reach', m.new_zeros(0))
        self.register_buffer('means', torch.zeros_like(m))
        self.register_buffer('variance', m.new_zeros(m.shape[1]))

    @property
    def fitted_parameters(self) -> int:
        """int: Numbers of assignments, means and variances."""
        return (
            self.assignments.numel()
            + self.means.numel()
            + self.variance.numel()
        )

    @torch.no_grad()
    def fit(self, frozen: FrozenFeatures) -> None:
        """Assign all images together.

        Args:
            frozen (FrozenFeatures): Of the images to predict, N > K of them.
        """
        f = frozen.rows().to(self.means)
        text = self._text_logits(f)
        nearest, weights, self.reach = self._neighbours(f)
        # Every edge in both directions: (w_ij + w_ji) z_j sums along them.
        rows = torch.arange(len(f), device=f.device).repeat_interleave(
            self.neighbours
        )
        source = torch.cat([rows, nearest.flatten()])
        target = torch.cat([nearest.flatten(), rows])
        weight = weights.flatten().repeat(2).unsqueeze(1)

        z = text.softmax(dim=1)
        top = z.topk(min(self.confident, len(f)), dim=0).indices  # (k, C)
        self.means.copy_(F.normalize(f[top].mean(dim=0), dim=1))
        self.variance.fill_(1 / f.shape[1])
        for _ in range(self.outer):
            log_p = self._log_density(f)
            for _ in range(self.inner):
                pull = carry(source, target, weight, z)
                z = self._assign(text, log_p, pull)
            self.means.copy_(F.normalize(z.T @ f, dim=1))
            self.variance.copy_(self._spread(f, z))
        self.keys, self.assignments = f, z

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the logarithm of z up to a constant, (B, C)."""
        if not self.memory.is_initialised:
            self.init_weights()
        features = self.extract_feat(inputs)
        with full_precision(features):
            text = self._text_logits(features)
            if len(self.keys) == 0:  # not fitted: zero-shot CLIP
                return text
            pull = self._pull(features)
            return self._combine(text, self._log_density(features), pull)

    def _text_logits(self, features: Tensor) -> Tensor:
        return self.clip.scale * features @ self.memory.prototypes.T

    def _log_density(self, f: Tensor) -> Tensor:
        """Return log p up to what is equal for all classes, (n, C)."""
        precise = self.means / self.variance
        return f @ precise.T - 0.5 * (precise * self.means).sum(dim=1)

    def _spread(self, f: Tensor, z: Tensor) -> Tensor:
        """Return the variance of every dimension around the means, (D,)."""
        mass = z.sum(dim=0)
        cross = ((z.T @ f) * self.means).sum(dim=0)
        own = (mass.unsqueeze(1) * self.means.square()).sum(dim=0)
        spread = (f.square().sum(dim=0) - 2 * cross + own) / len(f)
        return spread.clamp(min=1e-12)

    def _combine(self, text: Tensor, log_p: Tensor, pull: Tensor) -> Tensor:
        return text + log_p / 50 + pull / (2 * self.neighbours)

    def _assign(self, text: Tensor, log_p: Tensor, pull: Tensor) -> Tensor:
        return self._combine(text, log_p, pull).softmax(dim=1)

    def _neighbours(self, f: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Find the nearest other images.

        Returns:
            tuple: Their rows (N, K), their weights (N, K), and the cosine of
            the last of them, (N,).
        """
        if len(f) <= self.neighbours:
            raise ValueError(
                f'TransCLIP needs more than {self.neighbours} images to fit, '
                f'got {len(f)}'
            )
        parts = []
        for start in range(0, len(f), 1024):
            cosines = f[start : start + 1024] @ f.T
            rows = torch.arange(len(cosines), device=f.device)
            cosines[rows, start + rows] = -2  # not oneself
            parts.append(cosines.topk(self.neighbours, dim=1))
        cosines = torch.cat([part.values for part in parts])
        nearest = torch.cat([part.indices for part in parts])
        return nearest, cosines.clamp(min=0), cosines[:, -1].contiguous()

    def _pull(self, features: Tensor) -> Tensor:
        r"""Return :math:`\sum_j (w_{ij} + w_{ji}) z_j` of images, (B, C)."""
        cosines = features @ self.keys.T
        cosines[cosines > 1 - 1e-5] = -2  # not oneself
        forth = cosines >= cosines.topk(self.neighbours).values[:, -1:]
        back = cosines >= self.reach - 1e-6
        weights = cosines.clamp(min=0) * (forth.float() + back.float())
        return weights @ self.assignments
