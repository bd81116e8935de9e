from torch import Tensor


def add_rows(sums: Tensor, labels: Tensor, rows: Tensor) -> None:
    """Add every row to the sum of its class, in place and in a fixed order.

    The ranks of a run add the same rows and must get the same bits, and so
    must the next run.

    Args:
        sums (Tensor): (C, ...).
        labels (Tensor): Class of every row, (B,).
        rows (Tensor): (B, ...).
    """
    if sums.is_cuda:
        # There, index_add_ adds in any order, and this one sorts first.
        sums.index_put_((labels,), rows, accumulate=True)
    else:
        sums.index_add_(0, labels, rows)
