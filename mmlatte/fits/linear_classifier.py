from dataclasses import dataclass

import torch
from torch import Tensor

from .frozen_features import FrozenFeatures, double_precision
from .prototype_form import PrototypeForm, prototype_form

#: From the mean logit to that of a class that is never predicted; infinity
#: makes NaN of entropies.
IMPOSSIBLE = -1e4
#: Largest scale of prototypes. Libraries agree on unit features to about 1e-7
#: per dimension, and so on confidences to 1e-4 up to here. The covariance of a
#: handful of images makes logits of many thousands, all of them certain.
MAX_SCALE = 1000.0


@dataclass
class LinearClassifier:
    """``softmax(W f + b)`` of unit features f.

    Args:
        weight (Tensor): W, (C, D).
        bias (Tensor): b, (C,).

    Examples:
        >>> classifier = LinearClassifier(torch.eye(2), torch.tensor([1.0, 0]))
        >>> classifier.logits(torch.tensor([[0.6, 0.8]])).tolist()
        [[1.600000023841858, 0.800000011920929]]
    """

    weight: Tensor
    bias: Tensor

    @classmethod
    def zero_shot(cls, frozen: FrozenFeatures) -> 'LinearClassifier':
        """Return zero-shot CLIP, in single precision."""
        weight = frozen.scale * frozen.texts()
        return cls(weight, weight.new_zeros(frozen.classes))

    def logits(self, features: Tensor) -> Tensor:
        """Return the log posteriors up to a constant, (n, C)."""
        return features @ self.weight.T + self.bias

    def double(self) -> 'LinearClassifier':
        """Return the same in `double_precision`."""
        return LinearClassifier(
            double_precision(self.weight), double_precision(self.bias)
        )

    def single(self) -> 'LinearClassifier':
        """Return the same in single precision, as checkpoints hold it."""
        return LinearClassifier(self.weight.float(), self.bias.float())

    def without(self, unused: Tensor) -> 'LinearClassifier':
        """Return a classifier that never predicts some classes.

        Args:
            unused (Tensor): bool (C,).
        """
        weight, bias = self.weight.clone(), self.bias.clone()
        weight[unused] = weight[~unused].mean(dim=0)
        bias[unused] = bias[~unused].mean() + IMPOSSIBLE
        return LinearClassifier(weight, bias)

    def posteriors(self, part: slice, features: Tensor) -> Tensor:
        """Return posteriors (n, C); an E step as `fit_gaussians` takes it.

        Args:
            part (slice): Which images they are; not used.
            features (Tensor): (n, D).
        """
        return self.logits(features).softmax(dim=1)

    def labels(self, frozen: FrozenFeatures) -> Tensor:
        """Label features in double precision, int64 (N,) on the host."""
        wide = self.double()
        labels = wide.weight.new_zeros(len(frozen), dtype=torch.int64)
        for part, features in frozen.own_chunks():
            labels[part] = wide.logits(features).argmax(dim=1)
        frozen.add_ranks(labels)
        return labels.cpu()

    def as_prototypes(
        self, frozen: FrozenFeatures, unused: Tensor | None = None
    ) -> PrototypeForm:
        """Write the classifier as unit prototypes and one scale.

        A scale above `MAX_SCALE` is set to it, which changes no label.

        Args:
            frozen (FrozenFeatures): The images it was fitted to.
            unused (Tensor, optional): bool (C,), classes that are never
                predicted.

        Returns:
            PrototypeForm: Single precision, on the device of the classifier.

        Raises:
            ValueError: See `prototype_form`.
        """
        wide, n = self.double(), len(frozen)
        mean = torch.zeros_like(wide.weight[0])
        second = torch.outer(mean, mean)
        for _, features in frozen.chunks(double=True):
            second = second + features.T @ features / n
            mean = mean + features.sum(dim=0) / n
        if unused is None:
            unused = torch.zeros_like(self.bias, dtype=torch.bool)
        rows, scale = prototype_form(
            wide.weight,
            wide.bias,
            second,
            mean,
            live=~unused,
            shrinkage=frozen.width / (n - 1 + frozen.width),
        )
        rows = rows.to(wide.weight)
        kept = sum(
            int((f @ rows.T).argmax(1).eq(wide.logits(f).argmax(1)).sum())
            for _, f in frozen.chunks(double=True)
        )
        return PrototypeForm(
            rows.to(self.weight), min(scale, MAX_SCALE), kept / n
        )
