from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from mmlatte.lmm.backends.choices.closed_question import ClosedQuestion
from mmlatte.lmm.store.text_record import TextRecord, record_key
from mmlatte.sample_key import Samples

from ..collage import make_collage
from .closed_task import ClosedTask

__all__ = ['ClosedQuestions']


class ClosedQuestions:
    """Closed questions about Q images, as numbers from 0 to Q - 1.

    Args:
        task (ClosedTask): What is asked.
        samples (Samples): Ids of all samples.
        load (Callable[[int], Image.Image]): Image of a sample.
        rows (np.ndarray): Samples to ask about, int (Q,).
        labels (np.ndarray): Classes to choose from, int (Q, K).
        shown (np.ndarray): Samples in the picture, int (Q, S), the one that
            is asked about first.
    """

    def __init__(
        self,
        task: ClosedTask,
        samples: Samples,
        load: Callable[[int], Image.Image],
        rows: np.ndarray,
        labels: np.ndarray,
        shown: np.ndarray,
    ) -> None:
        self.task = task
        self.load = load
        self.shown = shown
        self.ids = [samples.names(r, r + 1)[0] for r in rows.tolist()]
        self.members = [
            [samples.names(m, m + 1)[0] for m in members]
            for members in shown.tolist()
        ]
        self.names = [
            task.order(sample_id, few)
            for sample_id, few in zip(self.ids, labels.tolist(), strict=True)
        ]
        self.prompts = [task.prompt(names) for names in self.names]

    def __len__(self) -> int:
        return len(self.ids)

    def keys(self) -> np.ndarray:
        """Keys of the answers in the store, int64 (Q,)."""
        pairs = zip(self.ids, self.prompts, strict=True)
        keys = [record_key(i, 'choice', self.task.key(p)) for i, p in pairs]
        return np.array(keys, np.int64)

    def questions(self, numbers: np.ndarray) -> Iterator[ClosedQuestion]:
        """Questions, made when they are needed."""
        options = self.task.options
        for number in numbers.tolist():
            yield ClosedQuestion(
                sample_id=self.ids[number],
                kind='choice',
                prompt=self.prompts[number],
                load=_Load(self, number),
                tag=number,
                names=tuple(self.names[number]),
                letters=self.task.letters,
                normalise=options.normalise,
                prior=options.prior,
            )

    def record(self, number: int, **content) -> TextRecord:
        """The store's record for an answer."""
        members = self.members[number]
        return TextRecord(
            self.ids[number],
            'choice',
            self.task.key(self.prompts[number]),
            members=tuple(members) if len(members) > 1 else (),
            **content,
        )


class _Load:
    """Loads the image, or the collage, of one question."""

    def __init__(self, questions: ClosedQuestions, number: int) -> None:
        self.questions, self.number = questions, number

    def __call__(self) -> Image.Image:
        asked = self.questions
        images = [asked.load(i) for i in asked.shown[self.number].tolist()]
        if len(images) == 1:
            return images[0]
        return make_collage(images, asked.task.options.collage)
