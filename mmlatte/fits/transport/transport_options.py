from dataclasses import dataclass


@dataclass(frozen=True)
class TransportOptions:
    """Constants of `fit_transport`; none is set per data set.

    Args:
        estimate_shares (bool): Classes have the shares of the images that
            the sources give them. False: equal shares, as in the paper, which
            a folder rarely shows. Defaults to True.
        rounds (int): At most; they end when no label changes. The paper
            makes 10. Defaults to 50.
        confident (int): Images per class that the means start from, the
            paper's. Defaults to 8.
        temper (float): Divides the log-likelihood, the paper's. Defaults
            to 50.
        epsilon (float): Entropy of the transport, the paper's; below 0.005
            its exponentials leave double precision. Defaults to 0.01.
        balance_steps (int): Of every transport, at most. Defaults to 300.
        tolerance (float): A transport ends when the classes miss their
            shares by this part of the images in all. Relative, so that many
            images do not end it early. Defaults to 1e-4.
    """

    estimate_shares: bool = True
    rounds: int = 50
    confident: int = 8
    temper: float = 50.0
    epsilon: float = 0.01
    balance_steps: int = 300
    tolerance: float = 1e-4

    def __post_init__(self) -> None:
        for name in ('rounds', 'confident', 'balance_steps'):
            if getattr(self, name) < 1:
                raise ValueError(
                    f'{name} must be at least 1, got {getattr(self, name)}'
                )
        if self.temper <= 0 or self.tolerance < 0 or self.epsilon < 0.005:
            raise ValueError(
                'temper must be positive, tolerance not negative and epsilon '
                f'at least 0.005; got {self.temper}, {self.tolerance} and '
                f'{self.epsilon}'
            )
