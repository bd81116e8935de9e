"""The report of a run, from what the run left behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.apis.inference.find_images import find_images
from mmlatte.apis.inference.image_dataset import test_pipeline
from mmlatte.apis.inference.inferencer import Inferencer
from mmlatte.apis.inference.run_models import RunModels
from mmlatte.datasets.decode_options_of import pipeline_options
from mmlatte.datasets.wrappers import with_pipeline
from mmlatte.decode_image import DecodeOptions
from mmlatte.image_table import ImageTable, key_name
from mmlatte.lmm import (
    ImageError,
    TextStore,
    load_image,
    picture_keys,
    store_folder,
)
from mmlatte.registry import DATASETS, LMMS
from mmlatte.visualization.page import jpeg_thumbnail, prepare_page
from mmlatte.visualization.report_images import ImageSection, ReportImage
from mmlatte.visualization.run_report import RunReport, write_run_report

from .review_section import ReviewSection
from .run_facts import read_scalars, run_facts

__all__ = ['make_run_report']


def make_run_report(
    run: str | Path,
    out: str | Path | None = None,
    images: str | Sequence[str] | None = None,
    max_images: int = 2000,
    batch_size: int = 64,
    num_workers: int = 0,
    device: str | None = None,
    shown: int = 24,
    review: Sequence[ReviewSection] = (),
    learning: Sequence[tuple[int, float]] = (),
    models: RunModels | None = None,
) -> Path:
    """Write the report of a run.

    Both models classify the images: the frozen CLIP and the run's last
    checkpoint. Without labels everything but the accuracies is there.

    Args:
        run (str | Path): Work folder of the run.
        out (str | Path, optional): The HTML file. Defaults to
            ``report.html`` in the work folder.
        images (str | Sequence[str], optional): Files, folders or globs.
            Defaults to the config's test images, else its training images.
        max_images (int): How many images are classified. Defaults to 2000.
        batch_size (int): Images per forward pass.
        num_workers (int): Processes that load images.
        device (str, optional): Defaults to the GPU if there is one.
        shown (int): Images in each gallery. Defaults to 24.
        review (Sequence[ReviewSection]): Images for a person to look at.
        learning (Sequence[tuple[int, float]]): Numbers of answers and the
            accuracy with so many, see `AccuracyEstimate`.
        models (RunModels, optional): Those of the run, if they are loaded.

    Returns:
        Path: The HTML file.
    """
    run = Path(run)
    out = run / 'report.html' if out is None else prepare_page(out)
    models = models or RunModels.open(run, device)
    adapted, frozen = models.adapted, models.frozen
    config = adapted.config
    look = partial(_look, frozen, adapted, batch_size, num_workers)
    seen = look(*_samples(config, images, max_images))
    # Texts exist of the training images: those are shown, where they are.
    has_texts = images is None and _text_hook(config) is not None
    shown_from = seen
    if has_texts and not seen.about.endswith('training images'):
        shown_from = look(
            *_samples(config, None, max_images, parts=('train',))
        )
    changed, uncertain = _interesting(
        shown_from.before, shown_from.after, shown
    )
    chosen = {*changed, *uncertain}
    decode = pipeline_options(test_pipeline(config))
    texts = (
        _texts(config, {i: shown_from.paths[i] for i in chosen}, decode)
        if has_texts
        else {}
    )
    pictures = {
        i: ReportImage(
            shown_from.names[i],
            _thumbnail(shown_from.paths[i], decode),
            _lines(i, shown_from, adapted.classes, texts),
        )
        for i in chosen
    }
    report = RunReport(
        title='/'.join(run.resolve().parts[-2:]),
        facts=run_facts(config, run),
        classes=adapted.classes,
        frozen=seen.before.argmax(axis=1),
        adapted=seen.after.argmax(axis=1),
        labels=seen.labels,
        about_images=seen.about,
        curves=read_scalars(run),
        drift=_drift(frozen, adapted),
        changed=[pictures[i] for i in changed],
        # A review has the least sure of all images.
        uncertain=[] if review else [pictures[i] for i in uncertain],
        about_shown=f'From {shown_from.about}.',
        review=[_section(section, shown, decode) for section in review],
        learning=learning,
    )
    write_run_report(out, report)
    return out


@dataclass
class _Seen:
    """Readable images and the predictions of both models."""

    about: str
    paths: list[str]
    names: list[str]
    labels: np.ndarray | None
    before: np.ndarray
    after: np.ndarray


def _look(
    frozen: Inferencer,
    adapted: Inferencer,
    batch_size: int,
    num_workers: int,
    samples: list[tuple[str, str, int | None]],
    about: str,
) -> _Seen:
    paths = [path for path, _, _ in samples]
    rows = [
        list(inferencer.stream(paths, batch_size, num_workers))
        for inferencer in (frozen, adapted)
    ]
    kept = [
        i for i in range(len(paths)) if not any('error' in r[i] for r in rows)
    ]
    if not kept:
        raise RuntimeError(f'none of the {len(paths)} images can be read')
    if len(kept) < len(paths):
        about += f'; {len(paths) - len(kept)} of them could not be read'
    before, after = (
        np.stack([r[i]['pred_scores'] for i in kept]) for r in rows
    )
    return _Seen(
        about,
        [paths[i] for i in kept],
        [samples[i][1] for i in kept],
        _labels([samples[i][2] for i in kept]),
        before,
        after,
    )


def _samples(
    config: Config,
    images,
    max_images: int,
    parts: Sequence[str] = ('test', 'val', 'train'),
) -> tuple[list[tuple[str, str, int | None]], str]:
    """Return (path, id, label) of the images, and which they are."""
    if images is not None:
        paths = find_images(images)[:max_images]
        return [(p, Path(p).name, None) for p in paths], (
            f'{len(paths)} given images'
        )
    for part in parts:
        what = 'training' if part == 'train' else 'test'
        loader = config.get(f'{part}_dataloader')
        if loader is None:
            continue
        dataset = DATASETS.build(with_pipeline(loader.dataset, []))
        infos = [
            dataset.get_data_info(i)
            for i in range(min(max_images, len(dataset)))
        ]
        return [
            (info['img_path'], info['sample_id'], info.get('gt_label'))
            for info in infos
        ], f'{len(infos)} of {len(dataset)} {what} images'
    raise ValueError('the config has no data set: give images')


def _labels(labels: list) -> np.ndarray | None:
    if any(label is None for label in labels):
        return None
    return np.array(labels, np.int64)


def _interesting(
    before: np.ndarray, after: np.ndarray, count: int
) -> tuple[list[int], list[int]]:
    """Return the images whose scores changed most, and the least certain."""
    moved = 0.5 * np.abs(after - before).sum(axis=1)
    changed = np.argsort(-moved, kind='stable')[:count].tolist()
    uncertain = np.argsort(after.max(axis=1), kind='stable')[:count].tolist()
    return changed, uncertain


def _lines(
    i: int,
    seen: _Seen,
    classes: Sequence[str],
    texts: dict[int, list[str]],
) -> list[str]:
    lines = []
    for what, scores in (
        ('zero-shot', seen.before[i]),
        ('adapted', seen.after[i]),
    ):
        best = int(scores.argmax())
        lines.append(f'{what}: {classes[best]} ({100 * scores[best]:.0f} %)')
    if seen.labels is not None:
        lines.append(f'true: {classes[seen.labels[i]]}')
    return lines + texts.get(i, [])


def _section(
    section: ReviewSection, shown: int, decode: DecodeOptions
) -> ImageSection:
    about, count = section.about, len(section.images)
    if count > shown:
        about += f' The first {shown} of {count}.'
    return ImageSection(
        section.title,
        about,
        [
            ReportImage(name, _thumbnail(path, decode), lines)
            for name, path, lines in section.images[:shown]
        ],
    )


def _text_hook(config: Config) -> dict | None:
    hook = (config.get('default_hooks') or {}).get('text_synth')
    if not hook or hook.get('lmm') is None:
        return None
    return hook if config.get('train_dataloader') else None


def _texts(
    config: Config, paths: dict[int, str], decode: DecodeOptions
) -> dict[int, list[str]]:
    """Return what the LMM wrote about images, as they are now."""
    synth = _text_hook(config)
    folder = store_folder(synth.store_dir, LMMS.build(synth.lmm))
    table = ImageTable(config.default_hooks.zero_shot_label.cache_dir)
    keys = picture_keys(table.of([*paths.values()]).keys, decode)
    lines: dict[str, list[str]] = {key_name(key): [] for key in keys}
    for record in TextStore(folder).records():
        if record.image in lines and record.status == 'ok':
            line = f'{record.kind} text: {record.text}'
            lines[record.image].append(line)
    return {
        i: lines[key_name(key)] for i, key in zip(paths, keys, strict=True)
    }


def _thumbnail(path: str, options: DecodeOptions, side: int = 160) -> str:
    try:
        image = load_image(path, max_side=side, min_side=1, options=options)
    except ImageError as error:
        print_log(f'no thumbnail of {path}: {error}', 'current')
        return ''
    data = jpeg_thumbnail(image, side, quality=80)
    return f'data:image/jpeg;base64,{data}'


@torch.no_grad()
def _drift(frozen: Inferencer, adapted: Inferencer) -> np.ndarray | None:
    if not adapted.model.open_vocabulary:
        return None
    start, end = (
        F.normalize(inferencer.model.memory.prototypes.cpu(), dim=1)
        for inferencer in (frozen, adapted)
    )
    return (1 - (start * end).sum(dim=1)).clamp(min=0).numpy()
