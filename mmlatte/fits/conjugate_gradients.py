from collections.abc import Callable

import torch
from torch import Tensor


def conjugate_gradients(
    multiply: Callable[[Tensor], Tensor], right: Tensor, steps: int
) -> Tensor:
    """Solve A x = b for every column b of ``right``, with A positive definite.

    Args:
        multiply (Callable): Returns A times a matrix (n, C).
        right (Tensor): (n, C).
        steps (int): Steps at most; a column stops at a residual of 1e-6.

    Returns:
        Tensor: x, (n, C).

    Examples:
        >>> right = torch.tensor([[2.0], [6.0]])
        >>> conjugate_gradients(lambda x: 2 * x, right, steps=1).tolist()
        [[1.0], [3.0]]
    """
    x = torch.zeros_like(right)
    residual = direction = right
    square = residual.square().sum(dim=0)
    tolerance = 1e-12 * square
    for _ in range(steps):
        active = square > tolerance
        if not active.any():
            break
        image = multiply(direction)
        curvature = (direction * image).sum(dim=0)
        step = torch.where(active, square / curvature, torch.zeros(()).to(x))
        x = x + step * direction
        residual = residual - step * image
        new = torch.where(active, residual.square().sum(dim=0), square)
        ratio = torch.where(active, new / square, torch.zeros(()).to(x))
        direction = residual + ratio * direction
        square = new
    return x
