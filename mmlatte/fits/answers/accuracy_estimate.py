from dataclasses import dataclass


@dataclass
class AccuracyEstimate:
    """Accuracy of labels, estimated from the answers alone.

    Args:
        mean (float): The estimate, in [0, 1].
        low (float): Lower end of its 80 % interval.
        high (float): Upper end.
        curve (list[tuple[int, float]]): Numbers of answers, and the accuracy
            that was estimated with so many; the last ones are expected of
            answers still to come.
    """

    mean: float
    low: float
    high: float
    curve: list[tuple[int, float]]
