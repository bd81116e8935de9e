"""A page of what an LMM answered to closed questions."""

import json
import math
from pathlib import Path

from mmengine.runner import Runner

from mmlatte.engine.find_hook import require_hook
from mmlatte.engine.hooks import LMMAnswersHook, ZeroShotLabelHook
from mmlatte.engine.lmm_annotator import LMMAnnotator
from mmlatte.lmm import TextRecord
from mmlatte.lmm.asking.closed import choice_records
from mmlatte.visualization import (
    GalleryImage,
    GalleryText,
    write_text_gallery,
)
from mmlatte.visualization.page import prepare_page

__all__ = ['answer_text', 'make_answer_gallery', 'write_answer_gallery']


def make_answer_gallery(
    runner: Runner, path: str | Path, limit: int | None = None
) -> int:
    """Write the page of the answers about a config's training images.

    Args:
        runner (Runner): Built from the config; not trained.
        path (str | Path): The HTML file.
        limit (int | None): Show at most so many images.

    Returns:
        int: Number of images on the page.

    Raises:
        ValueError: If there is no answer yet.
    """
    hook = require_hook(runner, LMMAnswersHook, 'the gallery of answers')
    labels = require_hook(runner, ZeroShotLabelHook, 'the gallery of answers')
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    labels.before_run(runner)
    dataset = runner.train_loop.dataloader.dataset
    return write_answer_gallery(hook.annotator(runner, dataset), path, limit)


def write_answer_gallery(
    annotator: LMMAnnotator, path: str | Path, limit: int | None = None
) -> int:
    """Write the page of what an LMM answered.

    Args:
        annotator (LMMAnnotator): Knows images and store.
        path (str | Path): The HTML file.
        limit (int | None): Show at most so many images.

    Returns:
        int: Number of images on the page.

    Raises:
        ValueError: If there is no answer yet.
    """
    path = prepare_page(path)
    frozen = annotator.frozen
    numbers = {name: i for i, name in enumerate(annotator.ids)}
    images: dict[int, GalleryImage] = {}
    texts = []
    for index, record in choice_records(
        annotator.store, annotator.task, annotator.finder
    ):
        if index not in images and len(images) == limit:
            continue
        image = images.setdefault(
            index,
            GalleryImage(
                index,
                annotator.ids[index],
                int(frozen.labels[index]),
                float(frozen.scores[index]),
            ),
        )
        texts.append(answer_text(record, numbers))
        image.texts.append(texts[-1])
    if not images:
        raise ValueError(f'{annotator.store.folder} holds no answer yet')
    failed = sum(not text.text for text in texts)
    write_text_gallery(
        path,
        [images[index] for index in sorted(images)],
        annotator.load,
        annotator.task.class_names,
        title='What the LMM answered',
        facts=f'{len(images)} images · {len(texts) - failed} answers, '
        f'{failed} failed · by {annotator.lmm.name}',
    )
    return len(images)


def answer_text(record: TextRecord, numbers: dict[str, int]) -> GalleryText:
    """Return an answer as the gallery shows it.

    Args:
        record (TextRecord): Of the kind ``'choice'``.
        numbers (dict[str, int]): Sample id -> sample.
    """
    text = ''
    if record.status == 'ok':
        content = json.loads(record.text)
        details = [content['way']]
        if 'confidence' in content:
            details.insert(0, f'{content["confidence"]:.0%}')
        text = f'{content["answer"]} ({", ".join(details)})'
    return GalleryText(
        kind='choice',
        prompt=record.asked[0],
        text=text,
        reason=record.reason,
        members=[numbers[m] for m in record.members if m in numbers],
        columns=math.ceil(math.sqrt(max(1, len(record.members)))),
    )
