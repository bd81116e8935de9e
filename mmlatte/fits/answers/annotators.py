"""How often annotators err."""

from dataclasses import dataclass

import numpy as np
from scipy.special import log_softmax, logsumexp

from .answers_options import AnswersOptions
from .given_answers import GivenAnswers

__all__ = ['Annotators', 'estimate_annotators']

#: Rounds of EM for every temperature; error rates move by less than 0.01
#: after.
ROUNDS = 10
#: Temperatures that are tried, in standard deviations from the expected one.
STEPS = np.arange(-6, 7)


@dataclass
class Annotators:
    """What is known of those who answered.

    Args:
        numbers (np.ndarray): The annotators, ascending, int64 (A,).
        errors (np.ndarray): How often each is wrong, in (0, 1), (A,).
        temperature (float): By which log posteriors of the fit are multiplied
            to be as sure as they are right.
    """

    numbers: np.ndarray
    errors: np.ndarray
    temperature: float

    @classmethod
    def assumed(
        cls, answers: GivenAnswers, options: AnswersOptions
    ) -> 'Annotators':
        """Return annotators who all err as the options assume."""
        numbers = np.unique(answers.annotator)
        errors = _possible(np.full(len(numbers), options.distrust))
        return cls(numbers, errors, options.temperature)

    def weights(self, answers: GivenAnswers) -> np.ndarray:
        """Return how much answers count beside those of the best, (Q,)."""
        right = 1 - self.errors
        who = np.searchsorted(self.numbers, answers.annotator)
        return answers.confidence * right[who] / right.max()

    def log_likelihoods(
        self, answers: GivenAnswers, nodes: np.ndarray, columns: int
    ) -> np.ndarray:
        r"""Return :math:`\sum_a \log P(y_{ia} | c)`, (U, K).

        An annotator who errs names any other class. An answer of no
        confidence says nothing.

        Args:
            answers (GivenAnswers): Q answers.
            nodes (np.ndarray): What each is about, from 0 to U - 1, (Q,).
            columns (int): K, none of the classes being the last.
        """
        who = np.searchsorted(self.numbers, answers.annotator)
        wrong = self.errors[who] / (columns - 1)
        table = np.repeat(wrong[:, None], columns, axis=1)
        labels = answers.labels % columns
        table[np.arange(len(table)), labels] = 1 - self.errors[who]
        sure = answers.confidence[:, None]
        total = np.zeros((nodes.max() + 1, columns))
        np.add.at(total, nodes, np.log(sure * table + (1 - sure) / columns))
        return total


def estimate_annotators(
    logs: np.ndarray, answers: GivenAnswers, options: AnswersOptions
) -> Annotators:
    r"""Estimate who errs how often, without knowing the truth.

    The model of Dawid and Skene (1979) with one error rate :math:`e_a` for
    each annotator, where the prior of an image's class is what the fit says
    without the answers about this image:

    .. math::
        \mathrm{E:}\quad \gamma_i(c) \propto
            p_i(c)^T \textstyle\prod_a P(y_{ia} \mid c, e_a), \quad
        \mathrm{M:}\quad e_a = \frac{\sum_i 1 - \gamma_i(y_{ia}) + m e_0}
            {|\{i\}| + m}

    The temperature T makes the fit as sure as it is right, so that a fit that
    is wrong where it is unsure and an annotator who is wrong anywhere are
    told apart. Of a few, the most probable is taken. A whole confusion matrix
    took classes that the fit confuses for those that the annotator does.

    Args:
        logs (np.ndarray): log p, of the answered images in ascending order,
            (U, K).
        answers (GivenAnswers): Q answers about them.
        options (AnswersOptions): e_0, m, and what T is expected to be.
    """
    image = np.unique(answers.rows, return_inverse=True)[1]
    columns = logs.shape[1]
    found = []
    for step in STEPS:
        annotators = Annotators.assumed(answers, options)
        annotators.temperature *= float(
            np.exp(step * options.temperature_spread)
        )
        prior = log_softmax(annotators.temperature * logs, axis=1)
        for _ in range(ROUNDS):
            joint = prior + annotators.log_likelihoods(answers, image, columns)
            evidence = logsumexp(joint, axis=1)
            posteriors = np.exp(joint - evidence[:, None])
            right = posteriors[image, answers.labels % columns]
            annotators.errors = _error_rates(
                annotators.numbers, answers, right, options
            )
        errors, known = annotators.errors, options.distrust_answers
        score = evidence.sum() - 0.5 * step**2
        score += known * options.distrust * np.log(errors).sum()
        score += known * (1 - options.distrust) * np.log(1 - errors).sum()
        found.append((score, annotators))
    return max(found, key=lambda pair: pair[0])[1]


def _error_rates(numbers, answers, right, options) -> np.ndarray:
    """Return the share of wrong answers, shrunk to what is assumed, (A,)."""
    who = np.searchsorted(numbers, answers.annotator)
    given = np.bincount(who, answers.confidence)
    wrong = np.bincount(who, answers.confidence * (1 - right))
    known = options.distrust_answers
    return _possible((wrong + known * options.distrust) / (given + known))


def _possible(rates: np.ndarray) -> np.ndarray:
    """Keep rates off 0 and 1, so that no answer is impossible."""
    return np.clip(rates, 1e-6, 1 - 1e-6)
