import json
from collections.abc import Iterator
from dataclasses import dataclass

from mmlatte.lmm.store.sample_finder import SampleFinder
from mmlatte.lmm.store.text_record import TextRecord
from mmlatte.lmm.store.text_store import TextStore

from .closed_task import ClosedTask

__all__ = ['GivenChoice', 'choice_records', 'given_choices']


@dataclass(frozen=True)
class GivenChoice:
    """What an LMM answered, as the store has it.

    Args:
        row (int): The sample.
        class_name (str): The answer; empty for none.
        confidence (float | None): From 0 to 1; None where it is not known.
        way (str): See `Choice`.
        round (int): Of asking, from 0 on.
    """

    row: int
    class_name: str
    confidence: float | None
    way: str
    round: int


def given_choices(
    store: TextStore, task: ClosedTask, finder: SampleFinder
) -> Iterator[GivenChoice]:
    """Yield what was answered about samples of now, or failed.

    Args:
        store (TextStore): Where the answers are.
        task (ClosedTask): What was asked.
        finder (SampleFinder): Knows the samples.
    """
    for row, record in choice_records(store, task, finder):
        content = json.loads(record.text) if record.status == 'ok' else {}
        yield GivenChoice(
            row,
            content.get('answer', ''),
            content.get('confidence'),
            content.get('way', ''),
            record.params.get('round', 0),
        )


def choice_records(
    store: TextStore, task: ClosedTask, finder: SampleFinder
) -> Iterator[tuple[int, TextRecord]]:
    """Yield samples of now, and what the store has of them.

    A store may hold answers about other data sets and other classes.

    Args:
        store (TextStore): Where the answers are.
        task (ClosedTask): What was asked.
        finder (SampleFinder): Knows the samples.
    """
    for record in store.records('choice'):
        _, facts = record.asked
        if (facts or {}).get('task') != task.identity:
            continue
        row = finder.row(record)
        if row is not None:
            yield row, record
