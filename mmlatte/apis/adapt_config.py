"""The config of a run on a user's own folder, from a few choices."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from mmengine.config import Config

import mmlatte
from mmlatte.datasets.clip_pipeline import clip_eval_pipeline
from mmlatte.models.clip import OpenCLIP

__all__ = ['AdaptOptions', 'adapt_config', 'clip_settings', 'lmm_settings']

#: The LMM of the paper on a GPU, and one that a CPU can bear.
DEFAULT_LMM = {
    'cuda': 'llava-hf/llava-v1.6-mistral-7b-hf',
    'cpu': 'HuggingFaceTB/SmolVLM-500M-Instruct',
}
LARGEST_BATCH = {'cuda': 512, 'cpu': 128}
#: Steps of a run: the median of the published schedules on a GPU, what two
#: cores do in minutes with a small CLIP on a CPU.
STEPS = {'cuda': 600, 'cpu': 120}
#: Steps of the warm-up, of the published ones.
WARMUP = 10


@dataclass
class AdaptOptions:
    """What a user may choose; None means a default by machine and data.

    Args:
        images (str): Folder of the images.
        classes (Sequence[str]): Class names.
        describe (str): What an image is, e.g. ``'satellite image'``.
        template (str | None): Class text with ``{}``. Defaults to
            ``'a <describe> of {}.'``, for photos ``'a photo of a {}.'``.
        clip (str): ``NAME/TAG`` of open_clip, ``NAME/FILE``,
            ``local-dir:FOLDER`` or ``hf-hub:OWNER/REPO``.
        lmm (str | None): A model of transformers (folder or hub name), the
            address of a server (``http://HOST:PORT/v1#MODEL``), a file of
            texts (``.jsonl``), or ``'none'`` for class texts only.
        lr (float | None): Learning rate. None: found without labels.
        epochs (int | None): None: as many as make `STEPS` steps.
        batch_size (int | None): None: by images and machine.
        seed (int): Of the run.
        device (str | None): ``'cuda'`` or ``'cpu'``.
        workers (int): Loading processes.
        test (str | None): Folder with a sub-folder of images per class, to
            measure accuracy on; training does not see it.
        out (str): Folder of the results.
    """

    images: str
    classes: Sequence[str]
    describe: str = 'photo'
    template: str | None = None
    clip: str = 'ViT-B-32/laion2b_s34b_b79k'
    lmm: str | None = None
    lr: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int = 0
    device: str | None = None
    workers: int = 2
    test: str | None = None
    out: str = 'work_dirs/adapted'

    def __post_init__(self) -> None:
        self.images = os.path.abspath(os.path.expanduser(self.images))
        self.device = check_device(self.device)
        for name in ('epochs', 'batch_size'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name}={value} must be at least 1')
        if self.lr is not None and self.lr <= 0:
            raise ValueError(f'lr={self.lr} must be positive')
        if self.template is None:
            self.template = default_template(self.describe)
        if self.template.count('{}') != 1:
            raise ValueError(
                f'template {self.template!r} must contain {{}} exactly once, '
                'the place of the class name'
            )


def check_device(device: str | None) -> str:
    """Return the device to use, by default the GPU if there is one.

    Raises:
        ValueError: If it is not there, or if training would use another.
    """
    on_gpu = torch.cuda.is_available()
    if device is None:
        return 'cuda' if on_gpu else 'cpu'
    kind = device.split(':')[0]
    if kind not in LARGEST_BATCH:
        raise ValueError(f"device={device!r}: 'cuda', 'cuda:N' or 'cpu'")
    if kind == 'cuda' and not on_gpu:
        raise ValueError(f'device={device!r}, but torch sees no GPU')
    if kind == 'cpu' and on_gpu:
        raise ValueError(
            "device='cpu', but training takes a GPU where there is one: set "
            'CUDA_VISIBLE_DEVICES= (empty) to hide it'
        )
    if ':' in device:
        torch.cuda.set_device(device)
    return device


def default_template(describe: str) -> str:
    """Return the class text of images of a kind.

    Examples:
        >>> default_template('photo')
        'a photo of a {}.'
        >>> default_template('aerial image')
        'an aerial image of {}.'
    """
    if describe == 'photo':
        return 'a photo of a {}.'
    return f'{with_article(describe)} of {{}}.'


def with_article(noun: str) -> str:
    """Return a noun with ``a`` or ``an`` before it."""
    return f'{"an" if noun[:1].lower() in "aeiou" else "a"} {noun}'


def prompts(describe: str) -> tuple[str, str]:
    """Return the questions about one image and about a collage of four.

    They follow the paper's: concise, less than 20 words.
    """
    return (
        f'Describe what the {describe} shows concisely, less than 20 words.',
        'Describe the common visual attributes of the pictures, each of them '
        f'{with_article(describe)}, concisely, less than 20 words.',
    )


def clip_settings(clip: str) -> dict:
    """Split ``NAME/TAG`` into the settings of ``mmlatte.OpenCLIP``.

    Examples:
        >>> clip_settings('ViT-B-32/openai')['pretrained']
        'openai'
        >>> clip_settings('local-dir:my/clip')['model_name']
        'local-dir:my/clip'
    """
    if clip.startswith(('local-dir:', 'hf-hub:')):
        return dict(type='mmlatte.OpenCLIP', model_name=clip, pretrained=None)
    name, _, tag = clip.partition('/')
    if not tag:
        raise ValueError(
            f'clip={clip!r}: give NAME/TAG of open_clip (such as '
            'ViT-B-32/laion2b_s34b_b79k), NAME/FILE with weights, '
            'local-dir:FOLDER or hf-hub:OWNER/REPO'
        )
    return dict(type='mmlatte.OpenCLIP', model_name=name, pretrained=tag)


def lmm_settings(lmm: str | None, device: str) -> dict | None:
    """Return the backend's config, None for no LMM.

    Args:
        lmm (str | None): See `AdaptOptions`.
        device (str): ``'cuda'`` or ``'cpu'``.

    Examples:
        >>> lmm_settings('http://localhost:8000/v1#llava', 'cpu')['model']
        'llava'
        >>> lmm_settings('none', 'cpu') is None
        True
    """
    if lmm == 'none':
        return None
    if lmm is not None and lmm.startswith(('http://', 'https://')):
        url, _, model = lmm.partition('#')
        if not model:
            raise ValueError(
                f'lmm={lmm!r}: name the model of the server behind a #, '
                f'{url}#MODEL'
            )
        return dict(
            type='mmlatte.OpenAICompatibleLMM', model=model, base_url=url
        )
    if lmm is not None and (lmm.endswith('.jsonl') or _is_text_folder(lmm)):
        return dict(type='mmlatte.TextFile', path=lmm)
    kind = device.split(':')[0]
    name = lmm or DEFAULT_LMM[kind]
    on_gpu = kind == 'cuda'
    return dict(
        type='mmlatte.TransformersLMM',
        model=name,
        # The small models of a CPU need no quantisation.
        load_in_4bit=on_gpu and lmm is None,
        batch_size=8 if on_gpu else 16,
        device=device,
    )


def _is_text_folder(path: str) -> bool:
    folder = Path(path)
    return folder.is_dir() and not (folder / 'config.json').exists()


def adapt_config(options: AdaptOptions, clip: OpenCLIP, count: int) -> Config:
    """Write out every setting of the run.

    Args:
        options (AdaptOptions): The choices.
        clip (OpenCLIP): The CLIP, for its image size and normalisation.
        count (int): Number of images.

    Returns:
        Config: Complete; ``tools/train.py`` can run it as well.
    """
    cfg = Config.fromfile(str(_shipped('latteclip_vitb32_folder.py')))
    classes, out = list(options.classes), Path(options.out)
    facts = clip.preprocess
    cfg.model.update(class_names=classes, templates=options.template)
    cfg.model.clip = clip_settings(options.clip)
    cfg.model.data_preprocessor = dict(
        mean=[255 * value for value in facts['mean']],
        std=[255 * value for value in facts['std']],
        to_rgb=True,
    )
    cfg.test_pipeline = clip_eval_pipeline(clip.image_size, facts)
    pipeline = cfg.train_dataloader.dataset.pipeline
    for step in pipeline:
        if step.type == 'mmpretrain.RandomResizedCrop':
            step.scale = clip.image_size[::-1]
    loader = cfg.train_dataloader
    loader.dataset.update(data_root=options.images, classes=classes)
    kind = options.device.split(':')[0]
    loader.batch_size = options.batch_size or batch_size(
        count, LARGEST_BATCH[kind]
    )
    loader.num_workers = options.workers
    loader.persistent_workers = options.workers > 0
    per_epoch = -(-count // loader.batch_size)
    epochs = options.epochs or -(-STEPS[kind] // per_epoch)
    cfg.train_cfg.max_epochs = epochs
    cfg.param_scheduler.update(end=epochs, warmup=WARMUP)
    if options.test is not None:
        _add_test(cfg, options, classes)

    image_prompt, group_prompt = prompts(options.describe)
    hooks = cfg.default_hooks
    cache = str(out / 'cache')
    hooks.zero_shot_label.update(cache_dir=cache, num_workers=options.workers)
    hooks.text_synth.update(
        store_dir=cache, image_prompt=image_prompt, group_prompt=group_prompt
    )
    lmm = lmm_settings(options.lmm, options.device)
    if lmm is None:
        cfg.model.texts = ('class',)
        hooks.text_synth.update(
            image_prompt=None,
            group_prompt=None,
            lmm=None,
        )
    else:
        hooks.text_synth.lmm = lmm
    if options.lr is None:
        hooks.label_free_schedule = dict(type='mmlatte.LabelFreeScheduleHook')
    else:
        cfg.optim_wrapper.optimizer.lr = options.lr
    hooks.checkpoint.interval = max(1, epochs // 4)
    hooks.logger.interval = max(1, min(20, per_epoch // 2))
    cfg.randomness = dict(seed=options.seed, deterministic=False)
    cfg.work_dir = str(out / 'run')
    cfg.launcher = 'none'
    return cfg


def batch_size(count: int, largest: int) -> int:
    """Return the largest power of two that leaves eight steps an epoch.

    Args:
        count (int): Number of images.
        largest (int): Upper bound, the published 512 where memory allows.

    Examples:
        >>> [batch_size(n, 512) for n in (50, 500, 3840, 100_000)]
        [16, 32, 256, 512]
    """
    size = 16
    while 2 * size <= min(largest, count // 8):
        size *= 2
    return size


def _add_test(cfg: Config, options: AdaptOptions, classes: list[str]) -> None:
    """Evaluate on a labelled folder; training does not see it."""
    folder = Path(options.test)
    if not folder.is_dir():
        raise FileNotFoundError(f'test folder {folder} does not exist')
    found = {p.name.replace('_', ' ').lower() for p in folder.iterdir()}
    missing = [name for name in classes if name.lower() not in found]
    if missing:
        raise ValueError(
            f'test folder {folder} must hold a sub-folder per class, named '
            f'like it; there is none for {missing}'
        )
    cfg.val_dataloader = dict(
        batch_size=64,
        num_workers=options.workers,
        persistent_workers=options.workers > 0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        collate_fn=dict(type='mmlatte.stack_samples'),
        dataset=dict(
            type='mmlatte.ClassFolder',
            data_root=options.test,
            metainfo=dict(classes=classes),
            pipeline=cfg.test_pipeline,
        ),
    )
    cfg.train_cfg.val_interval = cfg.train_cfg.max_epochs
    cfg.val_evaluator = dict(type='mmpretrain.Accuracy', topk=(1,))
    cfg.val_cfg = dict()
    cfg.test_dataloader = cfg.val_dataloader
    cfg.test_evaluator = cfg.val_evaluator
    cfg.test_cfg = dict()


def _shipped(name: str) -> Path:
    """Return a shipped config, installed or in a checkout."""
    package = Path(mmlatte.__file__).parent
    for folder in (package / '.mim' / 'configs', package.parent / 'configs'):
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f'config {name} is not installed beside mmlatte: install mmlatte '
        'with pip, or work from a checkout'
    )
