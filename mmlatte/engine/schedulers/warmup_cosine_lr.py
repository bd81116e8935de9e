import math

from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, _ParamScheduler

from mmlatte.registry import PARAM_SCHEDULERS


@PARAM_SCHEDULERS.register_module()
class WarmupCosineLR(LRSchedulerMixin, _ParamScheduler):
    r"""Linear warm-up counted in steps, then cosine to zero.

    The schedule of open_clip and of LatteCLIP. mmengine's chained schedulers
    cannot start a cosine at a step and end it at an epoch.

    .. math::
        lr_k = lr (k + 1) / W                             \quad (k < W)

        lr_k = lr (1 + \cos(\pi (k - W) / (T - W))) / 2   \quad (k \ge W)

    Args:
        optimizer (Optimizer | OptimWrapper): The optimizer.
        warmup (int): ``W``, warm-up steps. Shortened to a tenth of a run that
            (or cycle) that is shorter than ten warm-ups.
        begin (int): First step; the config gives epochs.
        end (int): ``T``, the last step; the config gives epochs.
        by_epoch (bool): Must end up False: set
            ``by_epoch=True, convert_to_iter_based=True`` in the config.
        cycles (int): Go through the schedule that many times, each in an
            equal part of the run: for methods that start anew. Defaults to 1.
        max_path (float, optional): Largest sum of the learning rates of a
            cycle. AdamW moves a weight by about its learning rate per step,
            so that this bounds how far a run goes, however many images it
            has: where the sum would be larger, all rates are scaled down.
            Defaults to no bound.
        last_step (int): Used when resuming. Defaults to -1.
        verbose (bool): Print every value. Defaults to False.

    Examples:
        In a config, for 15 epochs::

            param_scheduler = dict(
                type='mmlatte.WarmupCosineLR', warmup=40, end=15,
                by_epoch=True, convert_to_iter_based=True)
    """

    def __init__(
        self,
        optimizer,
        warmup: int,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = False,
        cycles: int = 1,
        max_path: float | None = None,
        verbose: bool = False,
    ) -> None:
        if by_epoch:
            raise ValueError(
                'WarmupCosineLR counts steps; set by_epoch=True together '
                'with convert_to_iter_based=True'
            )
        if end >= INF or warmup < 0:
            raise ValueError(
                'WarmupCosineLR needs `end` (epochs in a config) and '
                f'warmup >= 0, got end={end}, warmup={warmup}'
            )
        if max_path is not None and max_path <= 0:
            raise ValueError(
                f'WarmupCosineLR: max_path must be positive, got {max_path}'
            )
        self.cycles = cycles
        self.wanted_warmup = warmup
        self.max_path = max_path
        self.in_epochs = False
        self._lay_out(end - begin)
        super().__init__(
            optimizer,
            begin=begin,
            end=end,
            last_step=last_step,
            by_epoch=by_epoch,
            verbose=verbose,
        )

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args,
        epoch_length: int,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        **kwargs,
    ) -> 'WarmupCosineLR':
        """Turn ``begin`` and ``end`` from epochs into steps."""
        scheduler = cls(
            *args,
            begin=begin * epoch_length,
            end=end if end >= INF else end * epoch_length,
            by_epoch=False,
            **kwargs,
        )
        scheduler.in_epochs = True
        return scheduler

    def change_epoch_length(self, old: int, new: int, done: int) -> None:
        """Go on in a run whose epochs have another length than before.

        Args:
            old (int): Steps per epoch until now.
            new (int): Steps per epoch from now on.
            done (int): Steps that are done, counted in new epochs.

        Raises:
            ValueError: If the steps are no equal cycles any more.
        """
        if self.in_epochs:
            self.begin = self.begin // old * new
            self.end = self.end // old * new
            self._lay_out(self.end - self.begin)
        self._global_step = done
        self.last_step = min(max(done - self.begin, -1), self.total - 1)
        if self.last_step < 0:
            return
        self._last_value = self._get_value()
        for group, value in zip(
            self.optimizer.param_groups, self._last_value, strict=True
        ):
            group[self.param_name] = value

    def _lay_out(self, total: int) -> None:
        self.total = total
        self.period, rest = divmod(total, self.cycles)
        if rest or not self.period:
            raise ValueError(
                f'WarmupCosineLR: {total} steps are no {self.cycles} equal '
                'cycles; change `end` or `cycles`'
            )
        self.warmup = min(self.wanted_warmup, self.period // 10)

    def _get_value(self) -> list[float]:
        step = self.last_step % self.period
        if step < self.warmup:
            factor = (step + 1) / self.warmup
        else:
            progress = (step - self.warmup) / (self.period - self.warmup)
            factor = (1 + math.cos(math.pi * progress)) / 2
        highest = max(self.base_values)
        if self.max_path is not None and highest:
            bounded = highest_rate(
                highest, self.max_path, self.period, self.warmup
            )
            factor *= bounded / highest
        return [base * factor for base in self.base_values]


def highest_rate(
    rate: float, max_path: float, steps: int, warmup: int = 0
) -> float:
    """Lower the highest learning rate until all of them sum to a path.

    Args:
        rate (float): The highest learning rate wanted.
        max_path (float): Largest sum of the learning rates.
        steps (int): Of the schedule.
        warmup (int): Those of them that rise. Defaults to 0.

    Returns:
        float: At most `rate`.

    Examples:
        >>> highest_rate(1.0, max_path=2.0, steps=7)
        0.5
    """
    rising = (warmup + 1) / 2 if warmup else 0.0
    falling = (steps - warmup + 1) / 2
    return min(rate, max_path / (rising + falling))
