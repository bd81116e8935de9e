"""What adapting to a folder will do and cost, before it is done."""

import itertools
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config

from mmlatte.lmm import BaseLMM, LMMRequest, load_image
from mmlatte.models.clip import OpenCLIP
from mmlatte.registry import DATASETS, LMMS

__all__ = ['AdaptPlan', 'make_plan']

#: Images that the speed is measured on.
SAMPLE = 16
#: Bytes of a text in the store, with its key and index (measured: 100 and
#: the text itself).
BYTES_PER_TEXT = 250
#: Images that the report looks at, with two models.
REPORTED = 2000


@dataclass
class AdaptPlan:
    """Counts, settings and estimates.

    Args:
        images (int): Images in the folder.
        classes (Sequence[str]): Class names.
        clip (str): Which CLIP.
        lmm (str): Which LMM, '' for none.
        texts (int): Texts that the LMM writes at most.
        batch_size (int): Images per step.
        epochs (int): Passes over the images.
        lr (float | None): None: found without labels before training.
        device (str): Where.
        seconds (dict[str, float]): Estimated seconds of every part.
        bytes (dict[str, int]): Estimated bytes on disk of every part.
        free (int): Bytes that are free there.
        out (str): Folder of the results.
    """

    images: int
    classes: Sequence[str]
    clip: str
    lmm: str
    texts: int
    batch_size: int
    epochs: int
    lr: float | None
    device: str
    seconds: dict[str, float]
    bytes: dict[str, int]
    free: int
    out: str

    def __str__(self) -> str:
        steps = self.epochs * -(-self.images // self.batch_size)
        names = ', '.join(self.classes[:5])
        if len(self.classes) > 5:
            names += ', ...'
        lr = f'{self.lr:g}' if self.lr else 'found without labels'
        times = [f'{k} {_duration(v)}' for k, v in self.seconds.items()]
        sizes = [f'{k} {_size(v)}' for k, v in self.bytes.items()]
        lines = [
            f'images      {self.images:,}',
            f'classes     {len(self.classes)}: {names}',
            f'CLIP        {self.clip}',
            f'LMM         {self.lmm}: up to {self.texts:,} texts'
            if self.lmm
            else 'LMM         none: class texts only',
            f'training    {self.epochs} epochs of {self.batch_size} images a '
            f'step, {steps:,} steps, learning rate {lr}, on {self.device}',
            f'time        about {_duration(sum(self.seconds.values()))}: '
            + ', '.join(times),
            f'disk        about {_size(sum(self.bytes.values()))} of '
            f'{_size(self.free)} free: ' + ', '.join(sizes),
            f'results in  {self.out}',
        ]
        return '\n'.join(lines)

    def check(self) -> None:
        """Stop before the disk is full.

        Raises:
            OSError: If the estimate does not fit.
        """
        needed = sum(self.bytes.values())
        if needed > self.free:
            raise OSError(
                f'{self.out}: about {_size(needed)} are needed and '
                f'{_size(self.free)} are free; give another --out'
            )


def make_plan(
    cfg: Config, clip: OpenCLIP, out: Path, lr: float | None
) -> AdaptPlan:
    """Measure how fast a few images go, and estimate the whole.

    Args:
        cfg (Config): The run, see `adapt_config`.
        clip (OpenCLIP): Its CLIP, on the device of the run.
        out (Path): Folder of the results.
        lr (float | None): The learning rate, if it is given.
    """
    loader = cfg.train_dataloader
    dataset = DATASETS.build({**loader.dataset, 'pipeline': cfg.test_pipeline})
    count = len(dataset)
    epochs = cfg.train_cfg.max_epochs
    lmm, texts = None, 0
    hook = cfg.default_hooks.text_synth
    if hook.image_prompt is not None:
        lmm = LMMS.build(hook.lmm)
        lmm.check()
        texts = 2 * count
    look, learn = _measure_clip(clip, dataset)
    seconds = {'frozen features': count * look}
    if lmm is not None:
        seconds['texts'] = texts * _measure_lmm(lmm, dataset, hook)
    # The search for the learning rate takes steps, too.
    share = 1.0 if lr else 1.25
    seconds['training'] = share * epochs * count * learn
    seconds['report and export'] = 2 * min(count, REPORTED) * look + 30
    weights = sum(p.numel() for p in clip.parameters())
    sizes = {
        'features': 4 * count * clip.embed_dim,
        'texts': texts * BYTES_PER_TEXT,
        # Two checkpoints and the one being written; Adam keeps two moments.
        'checkpoints': 3 * 3 * 4 * weights,
        'export': 4 * weights,
    }
    parent = out.absolute()
    while not parent.exists():
        parent = parent.parent
    return AdaptPlan(
        images=count,
        classes=cfg.model.class_names,
        clip=clip.model_name.rsplit('/', 1)[-1],
        lmm=lmm.name if lmm is not None else '',
        texts=texts,
        batch_size=loader.batch_size,
        epochs=epochs,
        lr=lr,
        device=str(next(clip.parameters()).device),
        seconds=seconds,
        bytes={k: v for k, v in sizes.items() if v},
        free=shutil.disk_usage(parent).free,
        out=str(out),
    )


def _measure_clip(clip: OpenCLIP, dataset) -> tuple[float, float]:
    """Seconds per image to look at it, and to learn from it."""
    device = next(clip.parameters()).device
    readable = _readable(dataset)
    count = len(readable)

    def load() -> torch.Tensor:
        images = torch.stack([dataset[i]['inputs'] for i in readable])
        return images.to(device).float() / 128 - 1

    images = load()
    with torch.no_grad():
        clip.encode_image(images)  # the first pass sets things up
    start = time.monotonic()
    with torch.no_grad():
        clip.encode_image(load())
    _wait(device)
    look = time.monotonic() - start
    # Two texts of twenty tokens or so per image.
    texts = ['a photo of an object of this kind, seen from afar, by day']
    tokens = clip.pad([clip.tokenize(text) for text in texts])
    tokens = tokens.to(device).expand(2 * count, -1)
    start = time.monotonic()
    z, t = clip.encode_image(load()), clip.encode_text(tokens.contiguous())
    (z.sum() + t.sum()).backward()
    clip.zero_grad(set_to_none=True)
    _wait(device)
    return look / count, (time.monotonic() - start) / count


def _readable(dataset) -> list[int]:
    """Indices of some images; all broken ones are named before training.

    Raises:
        RuntimeError: If there is no readable one among them.
    """
    found: list[int] = []
    for index in range(min(4 * SAMPLE, len(dataset))):
        try:
            dataset[index]
        except (OSError, RuntimeError, ValueError) as error:
            last = error
            continue
        found.append(index)
        if len(found) == SAMPLE:
            break
    if not found:
        raise ValueError(f'no image can be read: {last}') from last
    return found


def _measure_lmm(lmm: BaseLMM, dataset, hook: Config) -> float:
    """Seconds per text, after the first batch (which loads the model)."""
    size = getattr(lmm, 'batch_size', SAMPLE)
    infos = [
        dataset.get_data_info(i) for i in range(min(2 * size, len(dataset)))
    ]
    requests = [
        LMMRequest(
            info['sample_id'],
            'image',
            hook.image_prompt,
            lambda path=info['img_path']: load_image(path),
        )
        for info in infos
    ]
    times, counts = [time.monotonic()], [0]
    for batch in lmm.generate(requests):
        times.append(time.monotonic())
        counts.append(len(batch))
    lmm.close()
    done = list(itertools.accumulate(counts))
    first = 1 if len(times) > 2 else 0
    return (times[-1] - times[first]) / max(1, done[-1] - done[first])


def _wait(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f'{seconds:.0f} s'
    if seconds < 5400:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'


def _size(count: float) -> str:
    for unit in ('B', 'kB', 'MB', 'GB'):
        if count < 1000:
            return f'{count:.0f} {unit}'
        count /= 1000
    return f'{count:.1f} TB'
