"""How much of a training run its two towers take.

Trains as ``tools/train.py`` does, texts and zero-shot labels first, and then
splits the wall time from the first batch to the last evaluation. Takes the
config and the common options of ``tools/train.py``:

    python benchmarks/training_share.py CONFIG
"""

import argparse
import time

import torch
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmlatte.apis import build_runner, load_config
from mmlatte.command_line import add_common_options
from mmlatte.engine.unwrapped import unwrapped

FORWARD = 'towers, forward'
BACKWARD = 'towers, mixer and loss, backward'
OPTIMIZER = 'optimizer'
WAITING = 'waiting for batches'
EVALUATION = 'evaluation, nearly all of it the image tower'


class ShareHook(Hook):
    """Times the parts of training.

    Attributes:
        seconds (dict[str, float]): Wall time of every part.
        total (float): Of the whole training.
    """

    priority = 'LOWEST'

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.total = 0.0

    def before_train(self, runner: Runner) -> None:
        """Start the clock behind all other hooks."""
        clip, optimizer = unwrapped(runner.model).clip, runner.optim_wrapper
        self._watch(clip, 'encode_image', FORWARD)
        self._watch(clip, 'encode_text', FORWARD)
        self._watch(optimizer, 'backward', BACKWARD)
        self._watch(optimizer, 'step', OPTIMIZER)
        self._watch(optimizer, 'zero_grad', OPTIMIZER)
        self._watch(runner.train_loop, '_evaluate', EVALUATION)
        self._evaluating = False
        self._start = time.perf_counter()

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Add the loop's own figure of how long the batch was waited for."""
        data_time = runner.message_hub.get_scalar('train/data_time')
        self._add(WAITING, data_time.current())

    def after_train(self, runner: Runner) -> None:
        """Stop the clock."""
        self.total = time.perf_counter() - self._start

    def table(self) -> str:
        """Return the Markdown table."""
        rest = self.total - sum(self.seconds.values())
        rows = {**self.seconds, 'hooks, logs, checkpoints, all else': rest}
        lines = ['| part | seconds | share |', '|---|---|---|']
        lines += [
            f'| {part} | {spent:.1f} | {100 * spent / self.total:.1f}% |'
            for part, spent in rows.items()
        ]
        return '\n'.join([*lines, f'| whole | {self.total:.1f} | 100% |'])

    def _add(self, part: str, seconds: float) -> None:
        self.seconds[part] = self.seconds.get(part, 0.0) + seconds

    def _watch(self, owner, name: str, part: str) -> None:
        method = getattr(owner, name)

        def timed(*args, **kwargs):
            if self._evaluating:  # its towers are part of it
                return method(*args, **kwargs)
            self._evaluating = part == EVALUATION
            _finish()
            start = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                _finish()
                self._add(part, time.perf_counter() - start)
                self._evaluating = False

        setattr(owner, name, timed)


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    add_common_options(parser)
    runner = build_runner(load_config(parser.parse_args()))
    shares = ShareHook()
    runner.register_hook(shares)
    runner.train()
    print(f'\n{shares.table()}')


if __name__ == '__main__':
    main()
