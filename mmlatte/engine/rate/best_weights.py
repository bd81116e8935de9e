"""The weights of the best moment of a run, on disk until its end."""

import math
from pathlib import Path

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner import Runner

from mmlatte.atomic_file import atomic_file
from mmlatte.engine.unwrapped import unwrapped

__all__ = ['BestWeights']


class BestWeights:
    """Keeps the weights with the highest score, in ``best_weights.pth``.

    The file holds score and moment as well, so that a resumed run goes on
    with it; work folders are shared by all ranks, as they are for
    checkpoints.

    Args:
        work_dir (str | Path): Of the run.

    Attributes:
        score (float): The highest so far; minus infinity without any.
        moment (float): When that was; None without any.
    """

    def __init__(self, work_dir: str | Path) -> None:
        self.path = Path(work_dir) / 'best_weights.pth'
        self.score = -math.inf
        self.moment: float | None = None

    def resume(self, known: list) -> bool:
        """Take over the file, if it is of this run and not of a later moment.

        What came after the checkpoint will be found again.

        Args:
            known (list): [moment, score] of all that was offered until the
                checkpoint.

        Returns:
            bool: Whether it was.
        """
        if not self.path.is_file():
            return False
        saved = self._load()
        if [saved['moment'], saved['score']] not in known:
            return False
        self.score, self.moment = saved['score'], saved['moment']
        return True

    def offer(self, runner: Runner, score: float, moment: float) -> None:
        """Keep the current weights if they are better.

        Args:
            runner (Runner): Holds the model.
            score (float): The same on all ranks.
            moment (float): Any number that grows.
        """
        if score <= self.score:
            return
        self.score, self.moment = score, moment
        if is_main_process():
            state = unwrapped(runner.model).state_dict()
            with atomic_file(self.path) as file:
                kept = dict(score=score, moment=moment, state_dict=state)
                torch.save(kept, file)

    def restore(self, runner: Runner) -> None:
        """Put the best weights into the model."""
        barrier()  # the main process may still be writing
        unwrapped(runner.model).load_state_dict(self._load()['state_dict'])

    def forget(self) -> None:
        """Delete the file."""
        barrier()  # others may still be reading
        if is_main_process():
            self.path.unlink(missing_ok=True)

    def _load(self) -> dict:
        return torch.load(self.path, map_location='cpu', weights_only=True)
