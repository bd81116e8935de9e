import torch
from torch import Tensor


def linear_discriminants(
    means: Tensor,
    counts: Tensor,
    sums: Tensor,
    second_moment: Tensor,
    shrinkage: float,
) -> tuple[Tensor, Tensor]:
    r"""Turn Gaussians of one covariance and equal priors into a classifier.

    .. math::
        \Sigma &= \tfrac1N \sum_{ic} \gamma_{ic}
            (f_i - \mu_c)(f_i - \mu_c)^\top, \quad
        \Sigma_s = (1 - s) \Sigma + s \tfrac{\mathrm{tr} \Sigma}{D} I \\
        w_c &= \Sigma_s^{-1} \mu_c, \quad b_c = -\tfrac12 \mu_c^\top w_c

    Args:
        means (Tensor): :math:`\mu`, (C, D).
        counts (Tensor): :math:`\sum_i \gamma_{ic}`, (C,).
        sums (Tensor): :math:`\sum_i \gamma_{ic} f_i`, (C, D).
        second_moment (Tensor): :math:`\sum_i f_i f_i^\top`, (D, D).
        shrinkage (float): s in [0, 1].

    Returns:
        tuple[Tensor, Tensor]: w, (C, D), and b, (C,).
    """
    cross = sums.T @ means
    scatter = second_moment - cross - cross.T
    scatter += (means * counts.unsqueeze(1)).T @ means
    covariance = scatter / counts.sum()
    variance = covariance.diagonal().mean()
    # With every image alone in its class, or copies of it, there is no
    # scatter but rounding errors: above them, the nearest mean wins.
    size = second_moment.diagonal().sum() / counts.sum()
    tiny = 1e3 * torch.finfo(variance.dtype).eps * size
    shrunk = (1 - shrinkage) * covariance
    shrunk.diagonal().add_((shrinkage * variance).clamp(min=tiny))
    weight = torch.linalg.solve(shrunk, means.T).T
    return weight, -0.5 * (weight * means).sum(dim=1)
