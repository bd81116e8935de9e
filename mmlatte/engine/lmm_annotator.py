"""Choose images, ask an LMM about them, and again where it is unsure."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from mmengine.dist import broadcast_object_list, get_rank
from mmengine.logging import print_log
from PIL import Image

from mmlatte.datasets.answers import LMM_SOURCE, SKIP, Answer, Answers
from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import ImageStructure, choose
from mmlatte.fits.neighbour_graph import nearest_images
from mmlatte.lmm import BaseLMM, ClosedTask, SampleFinder, TextStore
from mmlatte.lmm.asking.closed import (
    ClosedQuestions,
    GivenChoice,
    ask_closed,
    given_choices,
)
from mmlatte.sample_key import Samples

__all__ = ['LMMAnnotator']

#: Questions of a round, for each class. With answers that err (32 cases on the
#: choose half of the feature bank, 10 questions a class) 69.3 % of the images
#: are right in the end; 66.6 % with 5 in a round, 67.4 % with all in one.
ROUND = 2.5
#: Confidence of an answer that came without one; 0.6 and 1 end at the same
#: accuracy there.
CONFIDENCE = 0.8


class LMMAnnotator:
    """An LMM that answers closed questions about a few images.

    Questions come in rounds. Every round is about typical images of clusters
    that the answers so far leave most unsure, see `choose`; a question that
    the LMM gave no name for is like one that was skipped. All answers are in
    the text store: a run that is killed goes on where it was.

    Args:
        frozen (FrozenFeatures): N images.
        samples (Samples): Their ids.
        images (np.ndarray): uint64 (N,), what they are known by, see
            :func:`mmlatte.lmm.picture_keys`: a renamed image keeps its
            answer, one that took another's place is asked about.
        load (Callable[[int], Image.Image]): Image of a sample.
        lmm (BaseLMM): Who answers.
        store (TextStore): Where the answers are kept.
        task (ClosedTask): What is asked.
        structure (ImageStructure, optional): Of the images, where it was
            built before.
        patience (float): See `make_together`.
    """

    def __init__(
        self,
        frozen: FrozenFeatures,
        samples: Samples,
        images: np.ndarray,
        load: Callable[[int], Image.Image],
        lmm: BaseLMM,
        store: TextStore,
        task: ClosedTask,
        structure: ImageStructure | None = None,
        patience: float = 3600,
    ) -> None:
        self.frozen = frozen
        self.samples = samples
        self.images = images
        self.load = load
        self.lmm = lmm
        self.store = store
        self.task = task
        self.structure = structure
        self.patience = patience
        self.ids = samples.names(0, len(frozen))
        self.finder = SampleFinder(samples, images)

    @property
    def source(self) -> str:
        """str: Name of the annotator."""
        return f'{LMM_SOURCE}{self.lmm.name}'

    def annotate(self, count: int, others: Answers | None = None) -> Answers:
        """Ask until so many questions are spent, with those of earlier runs.

        Args:
            count (int): Questions; the LMM's failures to answer count too.
            others (Answers, optional): Of other annotators.

        Returns:
            Answers: Of the LMM; the same on all ranks.

        Raises:
            LMMUnavailableError: If something is to be asked, and the LMM is
                gone.
        """
        others = Answers([a for a in others or () if a.source != self.source])
        given = self._given()
        try:
            for number in range(count):
                before = [g for g in given if g.round < number]
                now = [g for g in given if g.round == number]
                size = min(
                    int(ROUND * len(self.task.class_names)),
                    count - len(before),
                )
                if size <= 0:
                    break
                if len(now) >= size:
                    continue
                plan: list = [None]
                if get_rank() == 0:
                    plan = [self._plan(size, before, now, others)]
                broadcast_object_list(plan)
                if not len(plan[0]):
                    break
                self._ask(plan[0], number)
                given = self._given()
        finally:
            self.lmm.close()
        answers = self._answers(given)
        self._log(answers, given)
        return answers

    def _plan(
        self,
        size: int,
        before: Sequence[GivenChoice],
        now: Sequence[GivenChoice],
        others: Answers,
    ) -> np.ndarray:
        """Rows that this round still has to ask about.

        What was asked in this round is left out when they are chosen, and
        then again: a run that goes on asks what it would have asked.
        """
        self.structure = self.structure or ImageStructure.of(self.frozen)
        known = others.merge(self._answers(before, skips=True))
        arrays = known.arrays(self.ids, self.task.class_names)
        found = choose(self.frozen, size, arrays.given(), self.structure)
        asked = {g.row for g in now}
        rows = [row for row in found.rows if int(row) not in asked]
        return np.array(rows[: size - len(asked)], np.int64)

    def _ask(self, rows: np.ndarray, number: int) -> None:
        options = self.task.options
        shown = rows[:, None]
        if options.images > 1:
            near = nearest_images(self.frozen, rows, options.images - 1)
            shown = np.concatenate([shown, near], axis=1)
        questions = ClosedQuestions(
            self.task,
            self.samples,
            self.images,
            self.load,
            rows,
            self._likely(rows),
            shown,
        )
        ask_closed(questions, self.lmm, self.store, number, self.patience)

    def _likely(self, rows: np.ndarray) -> np.ndarray:
        """The classes that are listed for every image, int (Q, K)."""
        count = min(self.task.options.names, self.frozen.classes)
        cosines = self.frozen.rows(rows) @ self.frozen.texts().T
        return torch.topk(cosines, count, dim=1).indices.cpu().numpy()

    def _given(self) -> list[GivenChoice]:
        """What the LMM answered in all runs, in a lasting order."""
        found: list = [None]
        if get_rank() == 0:
            given = given_choices(self.store, self.task, self.finder)
            found = [sorted(given, key=lambda g: (g.round, self.ids[g.row]))]
        broadcast_object_list(found)
        return found[0]

    def _answers(
        self, given: Sequence[GivenChoice], skips: bool = False
    ) -> Answers:
        kept = [g for g in given if g.class_name or skips]
        return Answers(
            [
                Answer(
                    self.ids[g.row],
                    g.class_name or SKIP,
                    CONFIDENCE if g.confidence is None else g.confidence,
                    self.source,
                )
                for g in kept
            ]
        )

    def _log(self, answers: Answers, given: Sequence[GivenChoice]) -> None:
        """How many questions were answered, and how."""
        ways: dict[str, int] = {}
        for g in given:
            way = g.way or 'without an answer'
            ways[way] = ways.get(way, 0) + 1
        print_log(
            f'{self.source}: {len(answers)} answers to {len(given)} '
            f'questions ({ways}); in {self.store.folder}',
            'current',
        )
