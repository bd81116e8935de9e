"""Make the texts that are missing, and nothing else."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from mmengine.logging import print_log

from mmlatte.lmm.backends.base_lmm import (
    Answer,
    BaseLMM,
    LMMUnavailableError,
)
from mmlatte.lmm.store.known_keys import KnownKeys
from mmlatte.lmm.store.text_store import TextStore
from mmlatte.progress import Progress

from .quality import clean_text, find_problem, is_over_length
from .wanted_texts import WantedTexts

__all__ = ['Counts', 'count_keys', 'missing_texts', 'synthesize']

#: Texts between two rounds of second tries.
BLOCK = 4096
#: Bad answers without a good one after which an LMM counts as useless.
MAX_BAD = 20


@dataclass
class Counts:
    """What became of the texts.

    Args:
        made (int): Texts written now.
        reused (int): Texts that were there.
        failed (int): Texts that could not be had, now or earlier.
        retried (int): Texts that were asked for twice.
        over_length (int): Texts written now that CLIP's tokenizer cuts.
        reasons (dict[str, int]): Reason of failure -> number, written now.
    """

    made: int = 0
    reused: int = 0
    failed: int = 0
    retried: int = 0
    over_length: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, other: dict) -> None:
        """Add the numbers of another process, as a dict."""
        for key, value in other.items():
            if key != 'reasons':
                setattr(self, key, getattr(self, key) + value)
        for reason, number in other.get('reasons', {}).items():
            self.reasons[reason] = self.reasons.get(reason, 0) + number

    def as_dict(self) -> dict:
        """Return the counts as plain data."""
        return asdict(self)


def missing_texts(
    wanted: WantedTexts,
    store: TextStore,
    retry_failed: bool = False,
    known: KnownKeys | None = None,
) -> tuple[np.ndarray, Counts]:
    """Which texts are neither stored nor known to fail.

    Copies of an image share a key, and with it a text: it is asked for once,
    about the first of them, and counted once.

    Args:
        wanted (WantedTexts): All texts.
        store (TextStore): Texts that exist.
        retry_failed (bool): Whether failed ones count as missing.
        known (KnownKeys | None): What the store holds, if that was read.

    Returns:
        tuple: int64 (M,) numbers of texts, and the counts so far.
    """
    keys = wanted.keys().reshape(-1)
    known = known or store.known()
    there = wanted.keep_wanted(known.holds(keys))
    failed = wanted.keep_wanted(known.failed(keys))
    counts = Counts(reused=count_keys(keys, there))
    if retry_failed:
        failed[:] = False
    counts.failed = count_keys(keys, failed)
    settled = np.logical_or(there, failed, out=there)
    missing = wanted.keep_wanted(np.logical_not(settled, out=settled))
    numbers = np.flatnonzero(missing)
    _, first = np.unique(keys[numbers], return_index=True)
    return numbers[np.sort(first)], counts


def count_keys(keys: np.ndarray, flags: np.ndarray) -> int:
    """Count the keys with a flag, equal ones once.

    Args:
        keys (np.ndarray): int64 (M,).
        flags (np.ndarray): bool (M,).
    """
    return len(np.unique(keys[flags]))


def synthesize(
    wanted: WantedTexts,
    numbers: Sequence[int] | np.ndarray,
    lmm: BaseLMM,
    store: TextStore,
    tokenize: Callable | None = None,
    context_length: int = 77,
    report: Callable[[int], None] | None = None,
) -> Counts:
    """Ask the LMM for texts and store every answer at once.

    A bad answer (empty, a refusal, a repetition loop) is asked for once more
    with sampling, then recorded as failed with its reason. Interrupting at
    any instant loses the texts in flight only. An LMM whose first twenty
    answers are bad is asked no more.

    Args:
        wanted (WantedTexts): What to ask.
        numbers (Sequence[int]): Which texts to make.
        lmm (BaseLMM): Who to ask.
        store (TextStore): Where the texts go.
        tokenize (Callable | None): CLIP's tokenizer; given, over-long texts
            are counted.
        context_length (int): Its limit.
        report (Callable | None): Called with the number of texts done, after
            each batch.

    Returns:
        Counts: Of this call; nothing reused.

    Raises:
        LMMUnavailableError: If no answer of the first twenty is a text.
    """
    counts, done, bad = Counts(), 0, 0
    held: list = []
    with Progress('LMM texts', len(numbers), 'texts') as progress:

        def accept(answers: list[Answer], attempts: int) -> list[int]:
            nonlocal done, bad, held
            batch, again = [], []
            for answer in answers:
                text = clean_text(answer.text) if not answer.error else ''
                reason = answer.error or find_problem(text)
                # A broken image is no fault of the LMM.
                bad += bool(reason) and not reason.startswith('image: ')
                if bad >= MAX_BAD and not counts.made:
                    raise _useless(lmm, reason, answer.text)
                if reason and attempts == 1 and not answer.final:
                    again.append(answer.request.tag)
                    continue
                content = {'reason': reason, 'status': 'failed'}
                if not reason:
                    content = {'text': text}
                    if tokenize and is_over_length(
                        text, tokenize, context_length
                    ):
                        counts.over_length += 1
                        content['reason'] = 'over length'
                    counts.made += 1
                else:
                    counts.failed += 1
                    short = reason.partition(':')[0]
                    if short not in counts.reasons:
                        print_log(
                            f'{lmm.name}: no text: {reason}',
                            'current',
                            logging.WARNING,
                        )
                    counts.reasons[short] = counts.reasons.get(short, 0) + 1
                batch.append(
                    wanted.record(
                        answer.request.tag,
                        model=lmm.name,
                        params=params,
                        attempts=attempts,
                        created=time.time(),
                        **content,
                    )
                )
            done += len(batch)
            # What failed stays open until the LMM has shown that it works.
            held += batch
            if counts.made and held:
                store.put(held)
                held = []
            progress.advance(len(batch))
            if report:
                report(done)
            return again

        params = lmm.params
        if len(numbers):
            lmm.expect(wanted.sample_ids())
        for block in _blocks(numbers):
            again: list[int] = []
            for answers in lmm.generate(wanted.requests(block)):
                again += accept(answers, attempts=1)
            if again:
                counts.retried += len(again)
                again.sort()
                second = lmm.generate(wanted.requests(again), seed=1)
                for answers in second:
                    accept(answers, attempts=2)
        if held:
            store.put(held)
    return counts


def _useless(lmm: BaseLMM, reason: str, text: str) -> LMMUnavailableError:
    written = f' ({text[:200]!r})' if text.strip() else ''
    return LMMUnavailableError(
        f'{lmm.name}: none of its first {MAX_BAD} answers is a text, the '
        f'last for this reason: {reason}{written}. Does this LMM fit? Start '
        'the run again with another one; nothing was recorded as failed.'
    )


def _blocks(numbers: Sequence[int] | np.ndarray) -> Iterator[list[int]]:
    for start in range(0, len(numbers), BLOCK):
        yield [int(number) for number in numbers[start : start + BLOCK]]
