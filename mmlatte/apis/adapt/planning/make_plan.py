"""The plan of a run, from its config and the speed of a few images."""

import shutil
from pathlib import Path

from mmengine.config import Config
from torch import nn

from mmlatte.engine.frozen import ZeroShotLabels
from mmlatte.engine.frozen.image_keys import image_keys
from mmlatte.engine.frozen.labels_fingerprint import labels_fingerprint
from mmlatte.engine.frozen.second_features import EncoderLook, short_name
from mmlatte.engine.hooks import LMMTextSynthHook
from mmlatte.engine.rate.label_probe import MAX_IMAGES
from mmlatte.engine.schedulers import highest_rate
from mmlatte.lmm import described_count
from mmlatte.models.class_texts import check_templates
from mmlatte.models.clip import OpenCLIP
from mmlatte.registry import DATASETS, HOOKS

from .plan import AdaptPlan
from .speed import question_tokens, seconds_per_image, seconds_per_text

__all__ = ['make_plan']

#: Bytes of a text in the store, with its key and index (measured: 100 and
#: the text itself).
BYTES_PER_TEXT = 250
#: Seconds of LattePlus per image, and per image and class (measured on one
#: busy core, 512 dimensions: 28 s for 20,000 images of 10 classes, 77 of 100).
FIT, FIT_CLASS = 1.1e-3, 2.7e-5
#: Measurements of the search for a learning rate (seen: 11 to 14).
WALK = 12
#: Images of the report, each seen by two models.
REPORTED = 2000


def make_plan(
    cfg: Config,
    clip: OpenCLIP,
    out: Path,
    pixels: str = '',
    left_out: str = '',
    encoder: nn.Module | None = None,
) -> AdaptPlan:
    """Measure how fast a few images go, and estimate the whole.

    Args:
        cfg (Config): The run, see `adapt_config`.
        clip (OpenCLIP): Its CLIP, on the device of the run.
        out (Path): Folder of the results.
        pixels (str): See `AdaptPlan`.
        left_out (str): See `AdaptPlan`.
        encoder (nn.Module, optional): The second encoder, on its device.
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
        texts = 2 * described_count(hook.budget, count)
        left = _texts_left(cfg, hook, clip, dataset)
    tokens = {}
    if left:
        hook.lmm.check()
        tokens = question_tokens(hook, dataset)
    look, learn = seconds_per_image(
        clip, dataset, bool(epochs), hook is not None
    )
    seconds = {'frozen features': count * look}
    width = clip.embed_dim
    if encoder is not None:
        pipeline = EncoderLook(encoder, cfg.test_pipeline[0]).pipeline
        seen = DATASETS.build({**loader.dataset, 'pipeline': pipeline})
        look_again, _ = seconds_per_image(encoder, seen, False, False)
        seconds['frozen features'] += count * look_again
        width += encoder.embed_dim
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
            # Clusters: training follows them or starts from them.
            seconds['training'] += min(count, MAX_IMAGES) * fit
    else:
        seconds['fit'] = count * fit
    seconds['report and export'] = 2 * min(count, REPORTED) * look + 30
    weights = sum(p.numel() for p in clip.parameters())
    sizes = {
        'features': 4 * count * width - _held(out, 'cache/features-*/**/*'),
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
        encoder='' if encoder is None else short_name(encoder),
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
        pixels=pixels,
        left_out=left_out,
        tokens=tokens,
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
    left = 2 * described_count(hook.budget, len(dataset))
    if not hook.store_folder().exists():
        return left
    model, identity = cfg.model, clip.fingerprint()
    cache_dir = Path(cfg.default_hooks.zero_shot_label.cache_dir)
    found = ZeroShotLabels.stored(
        cache_dir,
        image_keys(cache_dir, dataset),
        len(model.class_names),
        scale=clip.scale.item(),
        clip=identity,
        # All that labels depend on.
        labels_from=labels_fingerprint(
            identity,
            model.class_names,
            check_templates(model.templates),
            model.get('descriptions'),
            model.get('prompt_names'),
        ),
    )
    for labels in found:
        job = hook.text_job(dataset, model.class_names, clip, labels)
        with job.store:
            missing, _ = job.missing()
        left = min(left, len(missing))
    return left


def _held(out: Path, pattern: str) -> int:
    """Bytes of files that an earlier call left in ``out``."""
    return sum(p.stat().st_size for p in out.glob(pattern) if p.is_file())
