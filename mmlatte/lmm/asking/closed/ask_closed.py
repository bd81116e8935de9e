"""Ask the closed questions that have no answer yet, and nothing else."""

import time
from collections.abc import Callable

import numpy as np
from mmengine.logging import print_log

from mmlatte.lmm.backends.base_lmm import BaseLMM
from mmlatte.lmm.store.text_store import TextStore
from mmlatte.progress import Progress

from ..make_together import make_together
from ..synthesis import Counts
from .closed_questions import ClosedQuestions

__all__ = ['ask_closed']


def ask_closed(
    questions: ClosedQuestions,
    lmm: BaseLMM,
    store: TextStore,
    number: int = 0,
    patience: float = 3600,
) -> Counts:
    """Ask with all ranks of this run; every answer is stored at once.

    Killing the run loses the answers that were under way, no others.

    Args:
        questions (ClosedQuestions): What to ask; the same on all ranks.
        lmm (BaseLMM): Who to ask; it stays loaded.
        store (TextStore): Where the answers go.
        number (int): Of this round of questions.
        patience (float): Seconds without a sign of life of the other ranks
            after which this one gives up.

    Returns:
        Counts: Of all ranks together.

    Raises:
        LMMUnavailableError: If answers are missing, and the LMM is gone.
        RuntimeError: If another rank failed.
    """

    def missing() -> tuple[np.ndarray, Counts]:
        known, keys = store.known(), questions.keys()
        there, failed = known.holds(keys), known.failed(keys)
        counts = Counts(reused=int(there.sum()), failed=int(failed.sum()))
        return np.flatnonzero(~(there | failed)), counts

    def begin(total: int, counts: Counts) -> None:
        print_log(f'{total} questions go to {lmm.name}', 'current')
        # An LMM that answered before is there.
        if number == 0 and not counts.reused:
            lmm.check()

    def make(numbers: np.ndarray, report: Callable[[int], None]) -> Counts:
        with store:
            return _ask(questions, numbers, lmm, store, number, report)

    return make_together(store.folder, missing, begin, make, None, patience)


def _ask(
    questions: ClosedQuestions,
    numbers: np.ndarray,
    lmm: BaseLMM,
    store: TextStore,
    round_number: int,
    report: Callable[[int], None],
) -> Counts:
    counts, done = Counts(), 0
    params = {**lmm.params, 'round': round_number}
    with Progress('closed questions', len(numbers), 'answers') as progress:
        for choices in lmm.choose(questions.questions(numbers)):
            batch = []
            for choice in choices:
                content = {'status': 'failed', 'reason': choice.error}
                if choice.name:
                    content = {'text': choice.to_json()}
                    counts.made += 1
                else:
                    counts.failed += 1
                    short = choice.error.partition(':')[0]
                    counts.reasons[short] = counts.reasons.get(short, 0) + 1
                batch.append(
                    questions.record(
                        choice.question.tag,
                        model=lmm.name,
                        params=params,
                        created=time.time(),
                        **content,
                    )
                )
            store.put(batch)
            done += len(batch)
            progress.advance(len(batch))
            report(done)
    return counts
