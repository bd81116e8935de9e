from dataclasses import dataclass

import torch

from ..fit import Fit
from ..frozen_features import FrozenFeatures
from ..latteplus import fit_latteplus, gains_by_training
from ..linear_classifier import LinearClassifier
from .answers_fit import AnswersFit
from .answers_options import AnswersOptions
from .fit_answers import fit_answers
from .image_structure import ImageStructure
from .none_of_these import MIN_NONE, NoneOfThese, calibrate_none

__all__ = ['AnsweredFit', 'fit_answered']


@dataclass
class AnsweredFit(Fit[LinearClassifier]):
    """What `fit_answered` found.

    Args:
        label_free (LinearClassifier): That of LattePlus, without answers.
        found (AnswersFit, optional): Of the answers; None without any.
        none (NoneOfThese, optional): How probable it is that an image shows
            none of the classes; None where nothing calibrates it.
        train_further (bool): See `LattePlusFit`.
    """

    label_free: LinearClassifier | None = None
    found: AnswersFit | None = None
    none: NoneOfThese | None = None
    train_further: bool = False

    @property
    def estimated_top1(self) -> tuple[float, float, float] | None:
        """tuple: Estimated accuracy in percent, and its interval."""
        estimate = self.found.estimate if self.found else None
        if estimate is None:
            return None
        return 100 * estimate.mean, 100 * estimate.low, 100 * estimate.high


def fit_answered(
    frozen: FrozenFeatures,
    options: AnswersOptions | None = None,
    structure: ImageStructure | None = None,
) -> AnsweredFit:
    """Fit LattePlus, then the answers of ``frozen`` on top of it.

    Without answers this is `fit_latteplus`.

    Args:
        frozen (FrozenFeatures): N features, and answers about some of them.
        options (AnswersOptions, optional): Of `fit_answers`.
        structure (ImageStructure, optional): Of the same features, where it
            was built before.
    """
    label_free = fit_latteplus(frozen)
    answers = None if frozen.answers is None else frozen.answers.used()
    if answers is None or not len(answers):
        return AnsweredFit(
            label_free.classifier,
            label_free.labels,
            label_free.unused,
            label_free.notes,
            label_free.kept_zero_shot,
            label_free.reason,
            label_free=label_free.classifier,
            train_further=label_free.train_further,
        )
    structure = structure or ImageStructure.of(frozen, options)
    found = fit_answers(
        frozen,
        answers,
        options,
        structure=structure,
        label_free=label_free.classifier,
    )
    none = calibrate_none(structure, frozen, label_free.classifier, found)
    # Answers that name no class leave the fit as it is.
    same = found.classifier is label_free.classifier
    unused = torch.zeros(frozen.classes, dtype=torch.bool)
    unused[torch.from_numpy(found.missing)] = True
    return AnsweredFit(
        found.classifier,
        torch.from_numpy(found.labels),
        unused.to(label_free.unused.device),
        notes=_notes(found, none),
        kept_zero_shot=same and label_free.kept_zero_shot,
        reason=label_free.reason if same else '',
        label_free=label_free.classifier,
        found=found,
        train_further=label_free.train_further
        if same
        else gains_by_training(frozen),
        none=none,
    )


def _notes(
    found: AnswersFit, none_of_these: NoneOfThese | None
) -> tuple[str, ...]:
    """Say in sentences what a user may want to know."""
    none = int((found.labels < 0).sum())
    notes = [
        f'{len(found.answers)} answers used; names agree with them by '
        f'{found.name_agreement:.2f} (0: chance, 1: always) and weigh '
        f'{found.name_weight:g}'
    ]
    if none:
        notes.append(f'{none} images show none of the classes')
    given = int((found.answers.labels < 0).sum())
    if none_of_these is not None:
        notes.append(
            'the probability of none of the classes is calibrated on '
            f'{len(found.answers)} held-out answers, {given} of them none of '
            'these'
        )
    elif given:
        notes.append(
            'nothing calibrates the probability of none of the classes: '
            f'{given} answers say so and {len(found.answers) - given} do not, '
            f'{MIN_NONE} of each are needed'
        )
    if len(found.contradicted):
        notes.append(
            f'{len(found.contradicted)} answers disagree with the fit'
        )
    if found.annotators is not None:
        rates = ', '.join(f'{rate:.0%}' for rate in found.annotators.errors)
        notes.append(f'estimated share of wrong answers: {rates}')
    if found.estimate is not None:
        e = found.estimate
        notes.append(
            f'estimated accuracy {e.mean:.1%} ({e.low:.1%} to {e.high:.1%})'
        )
    return tuple(notes)
