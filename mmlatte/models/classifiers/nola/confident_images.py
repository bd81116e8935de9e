import torch
from torch import Tensor

__all__ = ['confident_images']


def confident_images(
    probabilities: Tensor, share: float, least: int
) -> tuple[Tensor, Tensor]:
    r"""Choose the images of which a classifier is most confident, per class.

    Of every predicted class the k images with the largest probability,
    :math:`k = \max(\text{least}, \lfloor \text{share} \cdot N / C \rfloor)`.
    A class that is nobody's first choice takes them among the images whose
    second or third choice it is.

    Args:
        probabilities (Tensor): (N, C).
        share (float): Of the fair share of a class.
        least (int): Images of a class, where there are so many.

    Returns:
        tuple[Tensor, Tensor]: The images and their classes, int64 (M,); an
        image may be there for two classes.

    Examples:
        >>> p = torch.tensor([[0.7, 0.2, 0.1], [0.6, 0.1, 0.3],
        ...                   [0.1, 0.8, 0.1]])
        >>> rows, labels = confident_images(p, share=0.5, least=1)
        >>> rows.tolist(), labels.tolist()
        ([0, 2, 1], [0, 1, 2])
    """
    n, classes = probabilities.shape
    k = max(least, int(share * n / classes))
    choices = probabilities.topk(min(3, classes), dim=1).indices
    rows, labels = [], []
    for c in range(classes):
        own = choices[:, 0] == c
        if not own.any():
            own = (choices == c).any(dim=1)
        candidates = own.nonzero().squeeze(1)
        count = min(k, len(candidates))
        best = probabilities[candidates, c].topk(count).indices
        rows.append(candidates[best])
        labels.append(torch.full_like(best, c))
    return torch.cat(rows), torch.cat(labels)
