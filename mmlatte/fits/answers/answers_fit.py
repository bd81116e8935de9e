from dataclasses import dataclass, field

import numpy as np

from ..frozen_features import FrozenFeatures
from ..linear_classifier import LinearClassifier
from .accuracy_estimate import AccuracyEstimate
from .annotators import Annotators
from .cross_fit import HeldOut
from .given_answers import GivenAnswers


@dataclass
class AnswersFit:
    """What `fit_answers` found.

    Args:
        classifier (LinearClassifier): For new images, (C, D).
        with_none (LinearClassifier): The same with none of these as the last
            class, (C + 1, D); C classes where no answer names one.
        labels (np.ndarray): Of all images, int64 (N,); the answers, where
            there are some, and ``NONE`` for images of none of the classes.
        answers (GivenAnswers): Those that were used.
        contradicted (np.ndarray): Answered images that the fit labels
            otherwise, the surest first: a slip, or an odd image.
        missing (np.ndarray): Classes that neither an answer nor a label
            names.
        name_weight (float): Weight of the names; 1 where no answer names a
            class.
        name_agreement (float): How far names agree with the answers, from 0,
            chance, to 1.
        held_out (HeldOut, optional): What fits say about answers that they
            were not given; None where there are too few, or nobody asked.
        estimate (AccuracyEstimate, optional): Of the labels' accuracy; None
            where there are too few answers, or it was not asked for.
    """

    classifier: LinearClassifier
    with_none: LinearClassifier
    labels: np.ndarray
    answers: GivenAnswers
    missing: np.ndarray
    contradicted: np.ndarray = field(
        default_factory=lambda: np.zeros(0, np.int64)
    )
    name_weight: float = 1.0
    name_agreement: float = 0.0
    held_out: HeldOut | None = None
    estimate: AccuracyEstimate | None = None

    @property
    def annotators(self) -> Annotators | None:
        """Annotators | None: How often those who answered err."""
        return self.held_out.annotators if self.held_out else None

    def posteriors(
        self, frozen: FrozenFeatures, which: slice | np.ndarray = slice(None)
    ) -> np.ndarray:
        """Return posteriors of some images, (n, C + 1) or (n, C).

        They are those of the fit, of answered images too.
        """
        logits = self.with_none.logits(frozen.rows(which))
        return logits.softmax(dim=1).cpu().numpy()

    def none_probability(self, frozen: FrozenFeatures) -> np.ndarray:
        """Return the probability of none of these, (N,) float32."""
        none = np.zeros(len(frozen), np.float32)
        if len(self.with_none.bias) > frozen.classes:
            for part, features in frozen.chunks():
                posterior = self.with_none.posteriors(part, features)
                none[part] = posterior[:, -1].cpu().numpy()
        return none
