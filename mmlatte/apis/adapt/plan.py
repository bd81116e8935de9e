"""What adapting to a folder will do and cost, before it is done."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from mmlatte.engine.frozen import ZeroShotLabels
from mmlatte.engine.frozen.labels_fingerprint import labels_fingerprint
from mmlatte.engine.hooks import LMMTextSynthHook
from mmlatte.engine.rate.label_probe import MAX_IMAGES
from mmlatte.engine.schedulers import highest_rate
from mmlatte.lmm import missing_texts, store_name
from mmlatte.models.classifiers.prototype_classifier import check_templates
from mmlatte.models.clip import OpenCLIP
from mmlatte.registry import DATASETS, HOOKS

from .speed import seconds_per_image, seconds_per_text

__all__ = ['AdaptPlan', 'make_plan']

#: Bytes of a text in the store, with its key and index (measured: 100 and
#: the text itself).
BYTES_PER_TEXT = 250
#: Seconds of LattePlus per image, and per image and class (measured on one
#: busy core, 512 dimensions: 28 s for 20,000 images of 10 classes, 77 of 100).
FIT, FIT_CLASS = 1.1e-3, 2.7e-5
#: Measurements of the search for a learning rate (seen: 11 to 14).
WALK = 12
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
        texts (int): Texts that the LMM writes at most, over all calls.
        texts_left (int): Those that are not in the store yet.
        batch_size (int): Images per step.
        epochs (int): Passes over the images; 0 for a fit without steps.
        lr (float | None): None: found without labels before training.
        device (str): Where.
        seconds (dict[str, float]): Estimated seconds of every part.
        bytes (dict[str, int]): Estimated bytes that every part still takes
            on disk, beside what an earlier call left there.
        free (int): Bytes that are free there.
        out (str): Folder of the results.
    """

    images: int
    classes: Sequence[str]
    clip: str
    lmm: str
    texts: int
    texts_left: int
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
        lmm = f'{self.lmm}: up to {self.texts:,} texts'
        training = (
            f'{self.epochs} epochs of {self.batch_size} images a step, '
            f'{steps:,} steps, learning rate {lr}, on {self.device}'
        )
        if not self.lmm:
            lmm = 'none: class texts only'
        elif not self.texts_left:
            lmm = f'{self.lmm}: its texts are there, nothing to write'
        elif self.texts_left < self.texts:
            lmm += f', {self.texts_left:,} of them still to write'
        if not self.epochs:
            training = 'none: a fit to the features of frozen CLIP'
        times = [f'{k} {_duration(v)}' for k, v in self.seconds.items()]
        sizes = [f'{k} {_size(v)}' for k, v in self.bytes.items()]
        lines = [
            f'images      {self.images:,}',
            f'classes     {len(self.classes)}: {names}',
            f'CLIP        {self.clip}',
            f'LMM         {lmm}',
            f'training    {training}',
            f'time        about {_duration(sum(self.seconds.values()))}: '
            + ', '.join(times),
            f'disk        about {_size(sum(self.bytes.values()))} of '
            f'{_size(self.free)} free: {", ".join(sizes) or "all is there"}',
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


def make_plan(cfg: Config, clip: OpenCLIP, out: Path) -> AdaptPlan:
    """Measure how fast a few images go, and estimate the whole.

    Args:
        cfg (Config): The run, see `adapt_config`.
        clip (OpenCLIP): Its CLIP, on the device of the run.
        out (Path): Folder of the results.
    """
    loader = cfg.train_dataloader
    dataset = DATASETS.build({**loader.dataset, 'pipeline': cfg.test_pipeline})
    count = len(dataset)
    epochs = cfg.train_cfg.get('max_epochs', 0)
    texts = left = 0
    hook: LMMTextSynthHook | None = None
    if 'text_synth' in cfg.default_hooks:
        hook = HOOKS.build(cfg.default_hooks.text_synth)
    if hook is not None and hook.lmm is not None:
        texts = 2 * count
        left = _texts_left(cfg, hook, clip, dataset)
    if left:
        hook.lmm.check()
    look, learn = seconds_per_image(
        clip, dataset, bool(epochs), hook is not None
    )
    seconds = {'frozen features': count * look}
    if left:
        seconds['texts'] = left * seconds_per_text(hook, dataset)
    fit = FIT + FIT_CLASS * len(cfg.model.class_names)
    lr = None
    if epochs:
        seconds['training'] = epochs * count * learn
        if 'label_free_schedule' in cfg.default_hooks:
            search = HOOKS.build(cfg.default_hooks.label_free_schedule)
            probe = min(search.images, count) * look
            steps = search.steps * loader.batch_size * learn
            seconds['training'] += WALK * (steps + probe)
            seconds['training'] += (search.measurements + epochs) * probe
        else:
            lr = cfg.optim_wrapper.optimizer.lr
            path = cfg.param_scheduler.get('max_path')
            if path is not None:
                per_epoch = -(-count // loader.batch_size)
                lr = highest_rate(lr, path, epochs * per_epoch)
        if lr is None or hook is None:
            # Clusters, to judge the training by or to start it from.
            seconds['training'] += min(count, MAX_IMAGES) * fit
    else:
        seconds['fit'] = count * fit
    seconds['report and export'] = 2 * min(count, REPORTED) * look + 30
    weights = sum(p.numel() for p in clip.parameters())
    sizes = {
        'features': 4 * count * clip.embed_dim
        - _held(out, 'cache/features-*/*'),
        'texts': left * BYTES_PER_TEXT,
        'checkpoints': _copies(epochs, hook is None) * 4 * weights
        - _held(out, 'run/*.pth'),
        'export': 4 * weights - _held(out, 'exported/**/*'),
    }
    parent = out.absolute()
    while not parent.exists():
        parent = parent.parent
    return AdaptPlan(
        images=count,
        classes=cfg.model.class_names,
        clip=clip.model_name.rsplit('/', 1)[-1],
        lmm=hook.lmm.name if texts else '',
        texts=texts,
        texts_left=left,
        batch_size=loader.batch_size,
        epochs=epochs,
        lr=lr,
        device=str(next(clip.parameters()).device),
        seconds=seconds,
        bytes={k: v for k, v in sizes.items() if v > 0},
        free=shutil.disk_usage(parent).free,
        out=str(out),
    )


def _copies(epochs: int, few: bool) -> int:
    """Return how many times the weights are on disk while a run goes on.

    Two checkpoints and the one being written, Adam's two moments in each
    unless few weights train; and the best weights.
    """
    if not epochs:
        return 1
    return 3 if few else 10


def _texts_left(cfg: Config, hook: LMMTextSynthHook, clip, dataset) -> int:
    """How many texts an earlier call has not written.

    Groups depend on the zero-shot labels: without any, nothing counts as
    written.
    """
    left = 2 * len(dataset)
    # Looking for a store through the hook would make its folder.
    if not any(Path(hook.store_dir).glob(f'*/{store_name(hook.lmm)}')):
        return left
    model, identity = cfg.model, clip.fingerprint()
    templates = check_templates(model.templates)
    found = ZeroShotLabels.stored(
        cfg.default_hooks.zero_shot_label.cache_dir,
        len(dataset),
        len(model.class_names),
        scale=clip.scale.item(),
        clip=identity,
        # All that labels depend on.
        labels_from=labels_fingerprint(
            identity,
            model.class_names,
            templates,
            model.get('descriptions'),
        ),
    )
    for labels in found:
        wanted, store = hook.wanted_texts(dataset, model.class_names, labels)
        with store:
            missing, _ = missing_texts(wanted, store, hook.retry_failed)
        left = min(left, len(missing))
    return left


def _held(out: Path, pattern: str) -> int:
    """Bytes of files that an earlier call left in ``out``."""
    return sum(p.stat().st_size for p in out.glob(pattern) if p.is_file())


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
