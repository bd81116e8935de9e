"""LMM texts as a job of their own, without training."""

import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import Runner

from mmlatte.engine.find_hook import require_hook
from mmlatte.engine.hooks import LMMTextSynthHook, ZeroShotLabelHook
from mmlatte.engine.unwrapped import unwrapped
from mmlatte.lmm import (
    BaseLMM,
    Counts,
    ShardPlan,
    TextStore,
    WantedTexts,
    missing_texts,
    synthesize,
)

__all__ = ['SynthesisReport', 'prepare_texts', 'synthesize_texts']

#: Texts of the sample that a dry run measures.
SAMPLE = 48


@dataclass
class SynthesisReport:
    """What a job did, or would do.

    Args:
        folder (Path): Folder of the store.
        counts (Counts): Texts made, reused, failed.
        todo (int): Texts that this job makes (made, unless it was dry).
        seconds (float | None): Estimated seconds for them, of a dry run.
    """

    folder: Path
    counts: Counts
    todo: int
    seconds: float | None = None

    def __str__(self) -> str:
        counts = self.counts
        text = (
            f'{counts.made} made, {counts.reused} reused, {counts.failed} '
            f'failed, {counts.retried} asked for twice, '
            f'{counts.over_length} longer than CLIP reads; '
            f'store: {self.folder}'
        )
        if self.seconds is not None:
            left = timedelta(seconds=round(self.seconds))
            text += f'; {self.todo} to make here in about {left}'
        return text


def prepare_texts(
    runner: Runner,
) -> tuple[LMMTextSynthHook, ZeroShotLabelHook, WantedTexts, TextStore]:
    """Label the training images of a runner and see which texts they need.

    Args:
        runner (Runner): Built from a config with both hooks; not trained.

    Returns:
        tuple: The two hooks, the wanted texts and their store.
    """
    texts = require_hook(runner, LMMTextSynthHook, 'text synthesis')
    labels = require_hook(runner, ZeroShotLabelHook, 'text synthesis')
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    labels.before_run(runner)
    dataset = runner.train_loop.dataloader.dataset
    wanted, store = texts.wanted_texts(
        dataset, unwrapped(runner.model).class_names, labels.found
    )
    return texts, labels, wanted, store


def synthesize_texts(
    runner: Runner,
    num_shards: int = 1,
    shard_id: int = 0,
    limit: int | None = None,
    dry_run: bool = False,
) -> SynthesisReport:
    """Make the texts that the training images of a config miss.

    The same as ``LMMTextSynthHook`` does before training, as a job that many
    machines can share: start it once per shard, with one ``store_dir``. Under
    a launcher the ranks share what one process would do. The LMM need not be
    there if no text is missing.

    Args:
        runner (Runner): Built from the config; not trained.
        num_shards (int): Number of jobs that share the work.
        shard_id (int): Which of them this is.
        limit (int | None): Make at most so many texts; of each rank.
        dry_run (bool): Only count, and estimate the time from a sample.

    Returns:
        SynthesisReport: What was made, or would be; of this rank.

    Raises:
        LMMUnavailableError: If texts are to be made, and the LMM cannot be
            had.
    """
    hook, _, wanted, store = prepare_texts(runner)
    # Every rank is a shard of its own.
    shard_id = shard_id * get_world_size() + get_rank()
    num_shards *= get_world_size()
    store.recover()
    missing, counts = missing_texts(wanted, store, hook.retry_failed)
    keys = wanted.keys()
    plan = None
    mine = missing
    if num_shards > 1 or shard_id:
        plan = ShardPlan(store.folder, keys, num_shards)
        if dry_run and not plan.path.exists():
            mine = missing[shard_id::num_shards]
        else:
            share = plan.share(shard_id, lambda: missing)
            mine = np.intersect1d(share, missing)
    todo = mine[:limit]
    if len(todo):
        hook.lmm.check()
    if dry_run:
        seconds = _estimate(wanted, todo, hook.lmm) if len(todo) else 0.0
        return SynthesisReport(store.folder, counts, len(todo), seconds)
    clip = unwrapped(runner.model).clip
    try:
        with store:
            made = synthesize(
                wanted,
                todo,
                hook.lmm,
                store,
                clip.tokenizer,
                clip.context_length,
            )
    finally:
        hook.lmm.close()
    counts.add(made.as_dict())
    left, _ = missing_texts(wanted, store)
    if not len(left):
        store.merge()
        if plan is not None:
            plan.finish()
    return SynthesisReport(store.folder, counts, len(todo))


def _estimate(wanted: WantedTexts, todo: np.ndarray, lmm: BaseLMM) -> float:
    """Seconds for all texts, from the speed of a few after the first.

    The first batch loads the model and is left out where there are more.
    """
    few = todo[:: max(1, len(todo) // SAMPLE)][:SAMPLE]
    times, counts = [time.monotonic()], [0]
    answers = lmm.generate(wanted.requests(few))
    for batch in answers:
        times.append(time.monotonic())
        counts.append(len(batch))
    lmm.close()
    first = 1 if len(times) > 2 else 0
    measured = sum(counts[first + 1 :])
    return (times[-1] - times[first]) / measured * len(todo)
