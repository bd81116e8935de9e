"""LMM texts as a job of their own, without training."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import numpy as np
from mmengine.dist import get_rank, get_world_size
from mmengine.runner import Runner

from mmlatte.engine.find_hook import require_hook
from mmlatte.engine.hooks import LMMTextSynthHook, ZeroShotLabelHook
from mmlatte.engine.unwrapped import unwrapped
from mmlatte.lmm import Counts, ImageError, QuestionTokens, TextJob

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
        tokens (dict[str, QuestionTokens]): What the LMM reads for a question
            of each kind, of a dry run.
    """

    folder: Path
    counts: Counts
    todo: int
    seconds: float | None = None
    tokens: dict[str, QuestionTokens] = field(default_factory=dict)

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
        for kind, count in self.tokens.items():
            text += f'; {count.total:,} tokens a question about one {kind}'
            if count.visual is not None:
                text += f', {count.visual:,} of them visual'
        return text


def prepare_texts(runner: Runner) -> tuple[TextJob, ZeroShotLabelHook]:
    """Label the training images of a runner and see which texts they need.

    Args:
        runner (Runner): Built from a config with both hooks; not trained.

    Returns:
        tuple: What there is to make, and the hook with the labels.
    """
    texts = require_hook(runner, LMMTextSynthHook, 'text synthesis')
    labels = require_hook(runner, ZeroShotLabelHook, 'text synthesis')
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    labels.before_run(runner)
    dataset = runner.train_loop.dataloader.dataset
    model = unwrapped(runner.model)
    job = texts.text_job(dataset, model.class_names, model.clip, labels.found)
    return job, labels


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
    job, _ = prepare_texts(runner)
    # Every rank is a shard of its own.
    shard = shard_id * get_world_size() + get_rank()
    shards = num_shards * get_world_size()
    folder = job.store.folder
    job.store.recover()
    mine, counts = job.shard(shard, shards, dry_run)
    todo = mine[:limit]
    if len(todo):
        job.check_lmm(len(todo))
    if dry_run:
        seconds = _estimate(job, todo) if len(todo) else 0.0
        tokens = _question_tokens(job, todo) if len(todo) else {}
        return SynthesisReport(folder, counts, len(todo), seconds, tokens)
    counts.add(job.make_shard(todo, shard, shards).as_dict())
    return SynthesisReport(folder, counts, len(todo))


def _question_tokens(
    job: TextJob, todo: np.ndarray
) -> dict[str, QuestionTokens]:
    """Tokens of the first question of each kind."""
    found: dict[str, QuestionTokens] = {}
    firsts = {job.wanted.request(n).kind: n for n in todo[[-1, 0]]}
    for kind, number in firsts.items():
        request = job.wanted.request(number)
        try:
            image = request.load()
        except ImageError:
            continue  # it is named when its text is made
        count = job.lmm.question_tokens(image, request.prompt)
        if count is not None:
            found[kind] = count
    return found


def _estimate(job: TextJob, todo: np.ndarray) -> float:
    """Seconds for all texts, from the speed of a few after the first.

    The first batch loads the model and is left out where there are more.
    """
    few = todo[:: max(1, len(todo) // SAMPLE)][:SAMPLE]
    times, counts = [time.monotonic()], [0]
    answers = job.lmm.generate(job.wanted.requests(few))
    for batch in answers:
        times.append(time.monotonic())
        counts.append(len(batch))
    job.lmm.close()
    first = 1 if len(times) > 2 else 0
    measured = sum(counts[first + 1 :])
    return (times[-1] - times[first]) / measured * len(todo)
