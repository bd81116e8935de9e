"""The text gallery of a config's training images."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.runner import Runner

from mmlatte.apis.text_synthesis import prepare_texts
from mmlatte.engine.find_hook import find_hook
from mmlatte.engine.hooks import LMMAnswersHook, LMMTextSynthHook
from mmlatte.lmm import TextJob, TextRecord, WantedTexts
from mmlatte.lmm.asking.closed import choice_records
from mmlatte.visualization import (
    GalleryImage,
    GalleryText,
    write_text_gallery,
)
from mmlatte.visualization.page import prepare_page

from .answer_gallery import answer_text, make_answer_gallery

__all__ = ['make_text_gallery']


def make_text_gallery(
    runner: Runner, path: str | Path, limit: int | None = None
) -> int:
    """Write the page of the texts and answers that exist.

    Args:
        runner (Runner): Built from the config; not trained.
        path (str | Path): The HTML file.
        limit (int | None): Show at most so many images.

    Returns:
        int: Number of images on the page.

    Raises:
        ValueError: If there is no text yet.
        OSError: If there can be no such file.
    """
    path = prepare_page(path)
    if find_hook(runner, LMMTextSynthHook) is None:
        return make_answer_gallery(runner, path, limit)
    job, labels = prepare_texts(runner)
    wanted = job.wanted
    keys = wanted.keys()
    asked = wanted.keep_wanted(np.ones(keys.size, bool))
    positions = {
        int(key): number
        for number, key in enumerate(keys.reshape(-1))
        if asked[number]
    }
    images: dict[int, GalleryImage] = {}
    found: list[tuple[GalleryText, int]] = []
    names = {wanted.sample_id(i): i for i in range(wanted.num_samples)}
    model = ''
    for index, record in _records(runner, job, positions):
        if index not in images and len(images) == limit:
            continue
        image = images.setdefault(
            index,
            GalleryImage(
                index,
                wanted.sample_id(index),
                int(labels.found.labels[index]),
                float(labels.found.scores[index]),
            ),
        )
        if record.kind == 'choice':
            image.texts.append(answer_text(record, names))
            continue
        text = _text(record, wanted, names)
        image.texts.append(text)
        found.append((text, index))
        model = record.model
    if not images:
        raise ValueError(
            f'{job.store.folder} holds no text of this config: make some with '
            'tools/synthesize_texts.py'
        )
    for image in images.values():
        image.texts.sort(key=lambda text: text.kind == 'group')
    _measure(runner, found, labels.found.features)
    failed = sum(not text.text for text, _ in found)
    about = f'{len(images)} images'
    if wanted.described is not None:
        about += (
            f' ({wanted.num_described} of {wanted.num_samples} are described)'
        )
    distinct = len({text.text for text, _ in found if text.text})
    write_text_gallery(
        path,
        list(images.values()),
        wanted.load,
        wanted.class_names,
        title='What the LMM wrote',
        facts=f'{about} · {len(found) - failed} texts, '
        f'{distinct} distinct, {failed} failed · written by {model}',
    )
    return len(images)


def _records(
    runner: Runner, job: TextJob, positions: dict[int, int]
) -> Iterator[tuple[int, TextRecord]]:
    """Samples, and the texts and answers of this config about them."""
    for record in job.store.records():
        number = positions.get(record.key)
        if number is not None:
            yield number % job.wanted.num_samples, record
    hook = find_hook(runner, LMMAnswersHook)
    if hook is not None:
        dataset = runner.train_loop.dataloader.dataset
        who = hook.annotator(runner, dataset)
        yield from choice_records(who.store, who.task, who.finder)


def _text(
    record: TextRecord, wanted: WantedTexts, names: dict[str, int]
) -> GalleryText:
    return GalleryText(
        kind=record.kind,
        prompt=record.asked[0],
        text=record.text if record.status == 'ok' else '',
        reason=record.reason,
        members=[names[m] for m in record.members if m in names],
        columns=wanted.group.grid[0],
    )


@torch.no_grad()
def _measure(
    runner: Runner, found: list[tuple[GalleryText, int]], features: np.ndarray
) -> None:
    """Cosines of texts and images under the frozen CLIP."""
    texts = sorted({text.text for text, _ in found if text.text})
    clip = runner.model.clip.eval()
    encoded = clip.encode_texts(texts).float().cpu().numpy()
    rows = {text: row for row, text in enumerate(texts)}
    for text, index in found:
        if text.text:
            feature = encoded[rows[text.text]]
            text.agreement = float(feature @ features[index])
