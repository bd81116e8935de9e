"""Self-adaptive transport (arXiv 2506.13723), readable beside the paper."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ..fit import Fit
from ..frozen_features import FrozenFeatures, double_precision
from .balance_classes import balance_classes
from .joint_features import JointFeatures
from .source_classifier import SourceClassifier
from .transport_options import TransportOptions

__all__ = ['fit_transport']


@torch.no_grad()
def fit_transport(
    frozen: FrozenFeatures,
    options: TransportOptions | None = None,
    others: Sequence[FrozenFeatures | np.ndarray] = (),
) -> Fit[SourceClassifier]:
    r"""Label images by transport from what names and images say.

    With encoders e, names say :math:`P^0_{ej} = \mathrm{softmax}(s_e f_{ie}^
    \top g_{e})`; :math:`z = \sum_e b_e P^0_e`. The means start as
    :math:`\mathrm{norm}(\sum_i z_{ic} f_{ie})` over the most confident images
    of every class, the variances as :math:`1 / d_e`. Every round

    1. images say :math:`P_e = \mathrm{softmax}_c(\log \mathcal N(f_e;
       \mu_{ec}, \sigma_e) / \tau)`,
    2. both are added: :math:`Q = \sum_e a_e P_e + \sum_e b_e P^0_e`,
    3. labels are :math:`z = \arg\max_z \langle z, Q \rangle + \epsilon H(z)`
       with rows of sum 1 and columns of sum :math:`N q_c`
       (`balance_classes`),
    4. :math:`a_e, b_e` become the shares of the images in which the argmax
       of the source is that of z, scaled to sum 1,
    5. :math:`\mu_{ec} = \mathrm{norm}(\sum_i z_{ic} f_{ie})` and
       :math:`\sigma_e = \frac1N \sum_{ic} z_{ic} (f_{ie} - \mu_{ec})^2`,

    until no argmax of z changes. The paper has :math:`q_c = 1 / C`, ten
    rounds, and labels the fitted images alone. Here q are the shares of the
    argmax of Q (and one more image for every class), and the last Q without
    transport labels any image.

    Needs N x C numbers of double precision a few times, and reads the
    features in chunks.

    Args:
        frozen (FrozenFeatures): N features of CLIP, and the names; with
            those of a second encoder these are read, too.
        options (TransportOptions, optional): Defaults to the default ones.
        others (Sequence): Of the same images: features of another encoder,
            (N, d), or `FrozenFeatures` of one that reads the same names.

    Returns:
        Fit[SourceClassifier]: Its ``logits`` take the features of all
        encoders side by side.

    Raises:
        ValueError: If an encoder has other images or names.
    """
    options = options or TransportOptions()
    if frozen.second is not None:
        others = [frozen.second, *others]
    features = JointFeatures(frozen, others)
    model = _start(features, frozen, options)
    said = features.map(model.text_posteriors, dim=1)
    labels, changed, done = None, len(frozen), 0
    while changed and done < options.rounds:
        images = features.map(model.image_posteriors, dim=1)
        # The equations have the sum, of rows that sum to 2.
        fused = 2 * model.posteriors(images, said)
        z = balance_classes(fused, _shares(fused, options), options)
        new = z.argmax(dim=1)
        changed = len(new) if labels is None else int((new != labels).sum())
        labels, done = new, done + 1
        model = _refit(model, features, z, images, said)
    found = features.map(model.logits).argmax(dim=1).cpu()
    return Fit(
        model.single(),
        labels=found,
        unused=torch.zeros(frozen.classes, dtype=torch.bool),
        notes=(
            f'{changed} of {len(frozen)} labels changed in the last of '
            f'{done} transports',
        ),
    )


def _start(
    features: JointFeatures, frozen: FrozenFeatures, options: TransportOptions
) -> SourceClassifier:
    """Means of the images of which names are most confident."""
    texts, reads = [], []
    for encoder in features.encoders:
        own = encoder.scale * double_precision(encoder.texts())
        reads.append(float(len(own) > 0))
        texts.append(
            own if len(own) else own.new_zeros(frozen.classes, encoder.width)
        )
    joined = torch.cat(texts, dim=1)
    widths = features.widths.to(joined.device)
    model = SourceClassifier(
        widths=widths,
        texts=joined,
        means=torch.zeros_like(joined),
        variance=(1 / widths.to(joined)).repeat_interleave(widths),
        image_weights=joined.new_full((len(widths),), 1 / len(widths)),
        text_weights=joined.new_tensor(reads) / sum(reads),
        temper=joined.new_tensor(options.temper),
    )
    z = torch.tensordot(
        model.text_weights,
        features.map(model.text_posteriors, dim=1),
        dims=1,
    )
    top = z.topk(min(options.confident, len(z)), dim=0)  # (k, C)
    for c in range(frozen.classes):
        rows = features.rows(top.indices[:, c].cpu().numpy())
        model.means[c] = features.unit(top.values[:, c] @ rows)
    return model


def _shares(fused: Tensor, options: TransportOptions) -> Tensor:
    n, classes = fused.shape
    counts = fused.argmax(dim=1).bincount(minlength=classes)
    if not options.estimate_shares:
        return fused.new_full((classes,), 1 / classes)
    return (counts.to(fused) + 1) / (n + classes)


def _refit(
    model: SourceClassifier,
    features: JointFeatures,
    z: Tensor,
    images: Tensor,
    texts: Tensor,
) -> SourceClassifier:
    """Steps 4 and 5."""
    sums = torch.zeros_like(model.means)
    squares = torch.zeros_like(model.variance)
    for part, f in features:
        sums = sums + z[part].T @ f
        squares = squares + f.square().sum(dim=0)
    means = features.unit(sums)
    own = z.sum(dim=0) @ means.square()
    variance = (squares - 2 * (sums * means).sum(dim=0) + own) / len(z)
    label = z.argmax(dim=1)
    reads = (model.text_weights > 0).to(z)
    return replace(
        model,
        means=means,
        variance=variance.clamp(min=1e-12),
        image_weights=_agreeing(images, label, torch.ones_like(reads)),
        text_weights=_agreeing(texts, label, reads),
    )


def _agreeing(posteriors: Tensor, labels: Tensor, taken: Tensor) -> Tensor:
    """Shares of the images that sources label alike, summing to 1, (E,)."""
    alike = (posteriors.argmax(dim=2) == labels).to(taken).mean(dim=1)
    # One image more, so that not all weights can be 0.
    alike = (alike + 1 / len(labels)) * taken
    return alike / alike.sum()
