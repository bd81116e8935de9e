import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlatte.fits import FrozenFeatures

__all__ = ['fit_label_head', 'head_labels']


def fit_label_head(
    features: Tensor,
    labels: Tensor,
    classes: int,
    width: int = 256,
    epochs: int = 50,
    batch_size: int = 32,
    lr: float = 1e-3,
) -> nn.Sequential:
    """Learn to label features of frozen images, on the host.

    Two linear layers with a ReLU between them, Adam on the cross-entropy. The
    seed is fixed.

    Args:
        features (Tensor): (M, d).
        labels (Tensor): int64 (M,).
        classes (int): C.
        width (int): Of the hidden layer. Defaults to 256.
        epochs (int): Defaults to 50.
        batch_size (int): Defaults to 32.
        lr (float): Defaults to 1e-3.
    """
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(0)
        head = nn.Sequential(
            nn.Linear(features.shape[1], width),
            nn.ReLU(),
            nn.Linear(width, classes),
        )
        optimizer = torch.optim.Adam(head.parameters(), lr=lr)
        for _ in range(epochs):
            for rows in torch.randperm(len(features)).split(batch_size):
                loss = F.cross_entropy(head(features[rows]), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
    return head.requires_grad_(False)


def head_labels(head: nn.Sequential, frozen: FrozenFeatures) -> Tensor:
    """Label all images, int64 (N,) on the host."""
    return torch.cat(
        [head(rows.cpu()).argmax(dim=1) for _, rows in frozen.chunks()]
    )
