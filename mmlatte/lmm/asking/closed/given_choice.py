import json
from collections.abc import Iterator
from dataclasses import dataclass

from mmlatte.lmm.store.text_store import TextStore

from .closed_task import ClosedTask

__all__ = ['GivenChoice', 'given_choices']


@dataclass(frozen=True)
class GivenChoice:
    """What an LMM answered, as the store has it.

    Args:
        sample_id (str): The image.
        class_name (str): The answer; empty for none.
        confidence (float | None): From 0 to 1; None where it is not known.
        way (str): See `Choice`.
        round (int): Of asking, from 0 on.
    """

    sample_id: str
    class_name: str
    confidence: float | None
    way: str
    round: int


def given_choices(store: TextStore, task: ClosedTask) -> Iterator[GivenChoice]:
    """Yield what was answered to the questions of a task, or failed.

    Args:
        store (TextStore): Where the answers are.
        task (ClosedTask): What was asked.
    """
    for record in store.records('choice'):
        facts = json.loads(record.prompt.rpartition('\n')[2])
        if facts.get('task') != task.identity:
            continue
        content = json.loads(record.text) if record.status == 'ok' else {}
        yield GivenChoice(
            record.sample_id,
            content.get('answer', ''),
            content.get('confidence'),
            content.get('way', ''),
            record.params.get('round', 0),
        )
