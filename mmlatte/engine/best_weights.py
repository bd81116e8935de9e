"""The weights of the best moment of a run, on disk until its end."""

import math
from pathlib import Path

import torch
from mmengine.dist import barrier, is_main_process
from mmengine.runner import Runner

from .atomic_file import atomic_file
from .unwrapped import unwrapped

__all__ = ['BestWeights']


class BestWeights:
    """Keeps the weights with the highest score, in ``best_weights.pth``.

    The file holds score and step as well, so that a resumed run goes on with
    it; work folders are shared by all ranks, as they are for checkpoints.

    Args:
        work_dir (str | Path): Of the run.

    Attributes:
        score (float): The highest so far; minus infinity without any.
        step (int): When that was; None without any.
    """

    def __init__(self, work_dir: str | Path) -> None:
        self.path = Path(work_dir) / 'best_weights.pth'
        self.score, self.step = -math.inf, None

    def resume(self, step: int) -> bool:
        """Take over what the run's first part kept.

        Args:
            step (int): Where the run goes on.

        Returns:
            bool: Whether there was something of an earlier step.
        """
        if not self.path.is_file():
            return False
        saved = self._load()
        if saved['step'] > step:
            return False  # will be found again
        self.score, self.step = saved['score'], saved['step']
        return True

    def offer(self, runner: Runner, score: float, step: int) -> None:
        """Keep the current weights if they are better.

        Args:
            runner (Runner): Holds the model.
            score (float): The same on all ranks.
            step (int): Steps that are done.
        """
        if score <= self.score:
            return
        self.score, self.step = score, step
        if is_main_process():
            weights = {
                name: value.detach().cpu()
                for name, value in unwrapped(runner.model).state_dict().items()
            }
            with atomic_file(self.path) as file:
                kept = dict(score=score, step=step, state_dict=weights)
                torch.save(kept, file)

    def restore(self, runner: Runner) -> None:
        """Put the best weights into the model and forget them."""
        if self.step is None:
            return
        barrier()  # the main process may still be writing
        unwrapped(runner.model).load_state_dict(self._load()['state_dict'])
        barrier()
        if is_main_process():
            self.path.unlink()

    def _load(self) -> dict:
        return torch.load(self.path, map_location='cpu', weights_only=True)
