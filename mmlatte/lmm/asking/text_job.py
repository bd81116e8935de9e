"""Making the texts that a dataset misses, alone or with other workers."""

import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from mmlatte.lmm.backends.base_lmm import BaseLMM, LMMUnavailableError
from mmlatte.lmm.store.known_keys import KnownKeys
from mmlatte.lmm.store.text_store import TextStore

from .make_together import make_together
from .shared_work import SharedWork
from .synthesis import Counts, count_keys, missing_texts, synthesize
from .training_texts import TrainingTexts
from .wanted_texts import WantedTexts

__all__ = ['TextJob', 'check_lmm_early']

#: Seconds that a network disk may show new files late.
LATE_SECONDS = 120


class TextJob:
    """The texts that are wanted, who writes them, and where they are kept.

    Args:
        wanted (WantedTexts): All texts.
        store (TextStore): Texts that exist.
        lmm (BaseLMM): Writes the others; need not be there if there are none.
        retry_failed (bool): Whether texts that failed in an earlier run are
            tried again.
        tokenize (Callable | None): CLIP's tokenizer, to count over-long
            texts.
        context_length (int): Its limit.
    """

    def __init__(
        self,
        wanted: WantedTexts,
        store: TextStore,
        lmm: BaseLMM,
        retry_failed: bool = False,
        tokenize: Callable | None = None,
        context_length: int = 77,
    ) -> None:
        self.wanted = wanted
        self.store = store
        self.lmm = lmm
        self.retry_failed = retry_failed
        self.tokenize = tokenize
        self.context_length = context_length

    @cached_property
    def _known(self) -> KnownKeys:
        return self.store.known()

    def missing(self) -> tuple[np.ndarray, Counts]:
        """Which texts are to be made, see :func:`missing_texts`."""
        return missing_texts(
            self.wanted, self.store, self.retry_failed, self._known
        )

    def make_together(self, patience: float = 3600) -> Counts:
        """Make what is missing, with all ranks of this run.

        Returns when every rank is done and the store is merged.

        Args:
            patience (float): Seconds without a sign of life of the other
                ranks after which this one gives up.

        Returns:
            Counts: Of all ranks together.

        Raises:
            LMMUnavailableError: If texts are missing, and the LMM is gone.
            RuntimeError: If another rank failed.
        """
        counts = make_together(
            self.store.folder,
            self.missing,
            self._begin,
            self._make,
            self.store.merge,
            patience,
        )
        _log(counts, self.store.folder)
        return counts

    def _begin(self, total: int, counts: Counts) -> None:
        print_log(
            f'LMM texts: {counts.reused} are there, {total} to make with '
            f'{self.lmm.name}, {counts.failed} failed earlier; they go to '
            f'{self.store.folder}',
            'current',
        )
        self.check_lmm(total)

    def shard(
        self, shard_id: int, num_shards: int, dry_run: bool = False
    ) -> tuple[np.ndarray, Counts]:
        """What one of several independent jobs has to make.

        Args:
            shard_id (int): Which of them this is.
            num_shards (int): Number of jobs.
            dry_run (bool): Leave no note for the other jobs.

        Returns:
            tuple: int64 (M,) numbers of texts, and the counts of all so far.
        """
        missing, counts = self.missing()
        if num_shards == 1:
            return missing, counts
        work = self._shared(shard_id, num_shards)
        share = work.expected_share if dry_run else work.share
        return np.intersect1d(share(missing), missing), counts

    def make_shard(
        self, numbers: np.ndarray, shard_id: int, num_shards: int
    ) -> Counts:
        """Make texts of a shard; the last of the shards merges the store.

        Args:
            numbers (np.ndarray): int64 (M,), of :meth:`shard`, or some.
            shard_id (int): Which shard this is.
            num_shards (int): Number of shards.

        Returns:
            Counts: Of this call.
        """
        made = self._make(numbers)
        if not len(missing_texts(self.wanted, self.store)[0]):
            self.store.merge()
            if num_shards > 1:
                self._shared(shard_id, num_shards).remove()
        return made

    def _shared(self, shard_id: int, num_shards: int) -> SharedWork:
        """Facts that are equal for jobs that want the same texts."""
        keys = self.wanted.keys().tobytes()
        if self.wanted.described is not None:
            keys += self.wanted.described.rows.tobytes()
        digest = hashlib.blake2b(keys, digest_size=6).hexdigest()
        return SharedWork(
            self.store.folder, f'{num_shards}-{digest}', shard_id, num_shards
        )

    def check_lmm(self, count: int) -> None:
        """See whether the LMM can be had.

        Args:
            count (int): Number of texts that it has to write.

        Raises:
            LMMUnavailableError: If not.
        """
        try:
            self.lmm.check()
        except LMMUnavailableError as error:
            raise LMMUnavailableError(
                f'{count} texts are missing in {self.store.folder}, and '
                f'their LMM cannot be had: {error}'
            ) from error

    def _make(
        self,
        numbers: Sequence[int] | np.ndarray,
        report: Callable[[int], None] | None = None,
    ) -> Counts:
        try:
            with self.store:
                return synthesize(
                    self.wanted,
                    numbers,
                    self.lmm,
                    self.store,
                    self.tokenize,
                    self.context_length,
                    report,
                )
        finally:
            self.lmm.close()

    def training_texts(
        self, class_texts: Sequence[str], counts: Counts
    ) -> TrainingTexts:
        """Find all texts in the store, for the workers that load them.

        Args:
            class_texts (Sequence[str]): (C,), a text per class.
            counts (Counts): How many texts there must be.

        Raises:
            RuntimeError: If texts that were made do not appear.
        """
        rows, wanted = self._rows(counts), self.wanted
        num_images = len(wanted.image_prompts)
        return TrainingTexts(
            wanted.labels,
            class_texts,
            self.store,
            rows[:num_images] if num_images else None,
            rows[-1] if wanted.group_prompt is not None else None,
        )

    def _rows(self, counts: Counts) -> np.ndarray:
        """Rows of all texts, -1 where one failed: (``num_kinds``, N)."""
        keys = self.wanted.take_keys()
        deadline = time.monotonic() + LATE_SECONDS
        flat = keys.reshape(-1)
        if counts.reused == keys.size:
            return keys
        expected = counts.made + counts.reused

        def look(known: KnownKeys) -> np.ndarray:
            return self.wanted.keep_wanted(known.holds(flat))

        there = look(self._known)
        while (missing := expected - count_keys(flat, there)) > 0:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f'{missing} texts that were made are not in '
                    f'{self.store.folder}: is store_dir shared by all ranks?'
                )
            there = look(self.store.known())
            if count_keys(flat, there) < expected:
                time.sleep(1)
        flat[~there] = -1
        return self.wanted.read_by_all(keys)


def check_lmm_early(lmm: BaseLMM, find_folder: Callable[[], Path]) -> None:
    """See whether the LMM can be had, before it is known what is missing.

    Args:
        lmm (BaseLMM): Who is to write texts.
        find_folder (Callable): Finds the folder of the store.

    Raises:
        LMMUnavailableError: If not, and the store holds no text. Texts that
            are there cost nothing now, and may suffice.
    """
    try:
        lmm.check()
    except LMMUnavailableError as error:
        folder = find_folder()
        if not any(folder.glob('*.db')) and not any(folder.glob('*.part')):
            raise
        goes_on = f'The run goes on if no text is missing in {folder}'
        print_log(f'{error}\n{goes_on}', 'current', logging.WARNING)


def _log(counts: Counts, folder: Path) -> None:
    print_log(
        f'LMM texts: {counts.made} made, {counts.reused} reused, '
        f'{counts.failed} failed (replaced by class texts), '
        f'{counts.over_length} longer than CLIP reads; in {folder}',
        'current',
    )
    if counts.reasons:
        print_log(
            f'texts failed because: {counts.reasons}',
            'current',
            logging.WARNING,
        )
    total = counts.made + counts.reused + counts.failed
    if counts.failed > total / 2:
        print_log(
            f'{counts.failed} of {total} texts failed: training goes on with '
            'class texts in their place. Does this LMM fit?',
            'current',
            logging.WARNING,
        )
