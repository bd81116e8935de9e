"""Accuracies and confusion counts from predicted and true classes."""

import numpy as np

__all__ = ['accuracy', 'confusion', 'per_class_accuracy']


def accuracy(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Percent of equal entries."""
    return 100 * float(np.mean(predicted == labels))


def per_class_accuracy(
    predicted: np.ndarray, labels: np.ndarray, num_classes: int
) -> np.ndarray:
    """Percent of right predictions per true class (C,); NaN where none is."""
    right = np.bincount(labels[predicted == labels], minlength=num_classes)
    total = np.bincount(labels, minlength=num_classes)
    with np.errstate(invalid='ignore', divide='ignore'):
        return 100 * right / total


def confusion(
    rows: np.ndarray, columns: np.ndarray, num_classes: int
) -> np.ndarray:
    """Count pairs: (C, C)."""
    flat = np.bincount(rows * num_classes + columns, minlength=num_classes**2)
    return flat.reshape(num_classes, num_classes)
