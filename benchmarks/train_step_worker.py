"""The processes that `train_step.py` measures."""

import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import NamedTuple

import numpy as np

CLOCKS = {'wall': time.perf_counter, 'cpu': time.process_time}
TEMPLATE = 'a photo of a {}.'
#: Variant -> changes of the config of ours; None: other code.
VARIANTS: dict[str, dict | None] = {
    'ours': {},
    'reference': None,
    'floor': None,
    'checkpointing': {
        'model.clip.grad_checkpointing': True,
        'default_hooks.memory': dict(type='mmlatte.ReturnMemoryHook'),
    },
    'frozen_text': {'model.clip.freeze_text': True},
    'norms': {'model.clip.tuning': dict(type='mmlatte.NormTuning')},
    'last_block': {'model.clip.tuning': dict(type='mmlatte.BlockTuning')},
    'lora': {'model.clip.tuning': dict(type='mmlatte.LoRATuning')},
    'bf16': {'optim_wrapper.dtype': 'bfloat16'},
    'channels_last': {'model.clip.channels_last': True},
    'compile': {'model.clip.compile': True},
}


class Batch(NamedTuple):
    """What all variants train on.

    Attributes:
        size (int): Number of images.
        class_names (list[str]): The classes.
        zero_shot (list[int]): A label per image.
        image_texts (list[str]): A text per image.
        group_texts (list[str]): A text per image.
    """

    size: int
    class_names: list[str]
    zero_shot: list[int]
    image_texts: list[str]
    group_texts: list[str]

    @classmethod
    def make(
        cls, size: int, classes: int, tokens: int, spread: float
    ) -> 'Batch':
        """Draw a batch; every text is distinct.

        Args:
            size (int): Number of images.
            classes (int): Number of classes.
            tokens (int): Median number of tokens of a text.
            spread (float): Standard deviation of its logarithm.
        """
        rng = np.random.default_rng(0)
        # Words of one token each in CLIP's vocabulary.
        words = (
            'green trees river road house field water city park lake forest '
            'building land white blue brown small large many some near with '
            'and of the two long wide old new'
        ).split()

        def text() -> str:
            length = round(tokens * np.exp(spread * rng.standard_normal()))
            count = int(np.clip(length, 5, 77)) - 2  # start and end token
            return ' '.join(rng.choice(words, count))

        return cls(
            size,
            [f'{a} {b}' for a, b in _pairs(words, classes)],
            rng.integers(0, classes, size).tolist(),
            [text() for _ in range(size)],
            [text() for _ in range(size)],
        )


def _pairs(words: list[str], count: int) -> list[tuple[str, str]]:
    pairs = [(a, b) for a in words for b in words]
    many = [(f'{a} {c}', b) for c in words for a, b in pairs]
    if count > len(many):
        raise SystemExit(f'--classes {count}: at most {len(many)}')
    return (pairs if count <= len(pairs) else many)[:count]


def serve(pipe, variant: str, batch: Batch, options: dict) -> None:
    """Run in a process: answer 'step', 'phases' and 'facts' until 'stop'.

    Args:
        pipe: End of a pipe.
        variant (str): A key of `VARIANTS`.
        batch (Batch): What to train on.
        options (dict): ``model_name``, ``device``, ``dtype``, ``threads``,
            ``clock``.
    """
    import torch

    if variant == 'reference':
        import reference_step  # noqa: F401
    else:
        import mmlatte.engine
        import mmlatte.models  # noqa: F401
    options['libraries'] = _memory()

    if options['threads']:
        torch.set_num_threads(options['threads'])
    torch.manual_seed(0)
    with open(os.devnull, 'w') as nowhere, redirect_stdout(nowhere):
        if variant == 'reference':
            _serve_steps(pipe, *_reference(batch, options), options)
        else:
            _serve_ours(pipe, variant, batch, options)


def _serve_steps(
    pipe, step: Callable, model, options: dict, phases: Callable | None = None
) -> None:
    """Answer requests; `step` trains on the batch once."""
    import torch

    on_gpu = options['device'].startswith('cuda')
    clock = CLOCKS[options['clock']]

    def finish() -> None:
        if on_gpu:
            torch.cuda.synchronize()

    while (request := pipe.recv()) != 'stop':
        if request == 'step':
            finish()
            start = clock()
            step()
            finish()
            pipe.send(clock() - start)
        elif request == 'phases':
            pipe.send(phases(finish, clock))
        else:
            trained = sum(
                p.numel() for p in model.parameters() if p.requires_grad
            )
            peak = _peak_memory(on_gpu)
            own = peak if on_gpu else peak - options['libraries']
            pipe.send(dict(peak=peak, own=own, trained=trained))


def _peak_memory(on_gpu: bool) -> float:
    """Most memory that this process held so far, in MB."""
    if on_gpu:
        import torch

        return torch.cuda.max_memory_allocated() / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == 'darwin' else peak * 1024 / 1e6


def _memory() -> float:
    """Memory that this process holds now, in MB."""
    pages = int(Path('/proc/self/statm').read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def _reference(batch: Batch, options: dict) -> tuple[Callable, object]:
    import torch
    from reference_step import ReferenceStep

    device = torch.device(options['device'])
    reference = ReferenceStep(
        options['model_name'],
        batch.class_names,
        TEMPLATE,
        device,
        getattr(torch, options['dtype']),
    )
    visual = reference.model.visual
    size = visual.preprocess_cfg['size']
    height, width = (size, size) if isinstance(size, int) else size
    images = _images(batch.size, height, width).float() / 128 - 1

    def step() -> None:
        reference(
            images.to(device),
            batch.image_texts,
            batch.group_texts,
            batch.zero_shot,
        )

    return step, reference.model


def _images(size: int, height: int, width: int):
    import torch

    generator = torch.Generator().manual_seed(0)
    shape = (size, 3, height, width)
    return torch.randint(0, 256, shape, generator=generator).to(torch.uint8)


def _serve_ours(pipe, variant: str, batch: Batch, options: dict) -> None:
    """Train with the Runner and the shipped configs, a step per request."""
    import torch
    from mmengine.config import Config
    from mmengine.runner import EpochBasedTrainLoop, Runner

    from mmlatte.registry import DATASETS, LOOPS

    @LOOPS.register_module()
    class StepOnRequest(EpochBasedTrainLoop):
        def run(self):
            runner = self.runner
            runner.call_hook('before_train')
            runner.call_hook('before_train_epoch')
            runner.model.train()
            data = next(iter(self.dataloader))
            model = runner.model
            if variant == 'floor':
                step = _floor(model, data)
            else:
                done = iter(range(len(self.dataloader)))

                def step() -> None:
                    self.run_iter(next(done), data)

            _serve_steps(
                pipe,
                step,
                model,
                options,
                lambda *how: _phases(runner, step, *how),
            )
            return model

    @DATASETS.register_module()
    class RepeatedBatch(torch.utils.data.Dataset):
        """The samples of the batch, over and over."""

        clip = None

        def __len__(self) -> int:
            return 1000 * batch.size

        def __getitem__(self, index: int) -> dict:
            return self.samples[index]

    configs = Path(__file__).resolve().parents[1] / 'configs' / '_base_'
    runtime = Config.fromfile(configs / 'latteclip_runtime.py')
    hooks = dict(runtime.default_hooks)
    for name in ('zero_shot_label', 'text_synth', 'summary', 'sample_seed'):
        hooks.pop(name)
    schedule = Config.fromfile(configs / 'schedules' / 'latteclip.py')
    with tempfile.TemporaryDirectory() as work_dir:
        config = Config(
            dict(
                default_scope='mmlatte',
                work_dir=work_dir,
                log_level='ERROR',
                model=dict(
                    type='mmlatte.LatteCLIPClassifier',
                    clip=dict(
                        type='mmlatte.OpenCLIP',
                        model_name=options['model_name'],
                    ),
                    class_names=batch.class_names,
                    templates=TEMPLATE,
                    data_preprocessor=dict(
                        mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True
                    ),
                ),
                default_hooks=hooks,
                train_dataloader=dict(
                    batch_size=batch.size,
                    num_workers=0,
                    dataset=dict(type='RepeatedBatch'),
                    sampler=dict(type='DefaultSampler', shuffle=False),
                    collate_fn=dict(type='default_collate'),
                ),
                train_cfg=dict(type='StepOnRequest', max_epochs=15),
                optim_wrapper=schedule.optim_wrapper,
                param_scheduler=schedule.param_scheduler,
                env_cfg=runtime.env_cfg,
            )
        )
        config.optim_wrapper.dtype = options['dtype']
        config.merge_from_dict(VARIANTS[variant] or {})
        runner = Runner.from_cfg(config)
        clip = runner.model.clip
        RepeatedBatch.samples = _samples(batch, clip)
        runner.train()


def _samples(batch: Batch, clip) -> list[dict]:
    """Return the samples as the train pipeline makes them."""
    from mmpretrain.structures import DataSample

    samples = []
    for i, image in enumerate(_images(batch.size, *clip.image_size)):
        sample = DataSample()
        sample.set_field(i, 'sample_idx', field_type='metainfo')
        sample.set_field(batch.zero_shot[i], 'zero_shot_label')
        for kind, text in (
            ('image', batch.image_texts[i]),
            ('group', batch.group_texts[i]),
        ):
            sample.set_field(text, f'{kind}_text')
            tokens = clip.tokenize(text).numpy()
            sample.set_field(tokens, f'{kind}_tokens')
        samples.append(dict(inputs=image, data_samples=sample))
    return samples


def _floor(model, data: dict) -> Callable:
    """Forward and backward of the towers on what our step encodes."""
    import torch

    with torch.no_grad():
        ready = model.data_preprocessor(data, training=True)
        encoded = []
        encode = model.clip.encode_text
        model.clip.encode_text = lambda t: encoded.append(t) or encode(t)
        model(**ready, mode='loss')
        model.clip.encode_text = encode
    (tokens,) = encoded

    def step() -> None:
        z = model.clip.encode_image(ready['inputs'])
        t = model.clip.encode_text(tokens)
        torch.autograd.backward((z.sum(), t.sum()))
        model.zero_grad(set_to_none=True)

    return step


def _phases(
    runner, step: Callable, finish: Callable, now: Callable
) -> dict[str, float]:
    """Return the seconds of every phase of one of our steps."""
    model, optimizer = runner.model, runner.optim_wrapper
    seconds: dict[str, float] = {}

    def clock(owner, name: str, phase: str) -> None:
        function = getattr(owner, name)

        def timed(*args, **kwargs):
            finish()
            start = now()
            try:
                return function(*args, **kwargs)
            finally:
                finish()
                spent = now() - start
                seconds[phase] = seconds.get(phase, 0.0) + spent

        setattr(owner, name, timed)

    clock(model.data_preprocessor, 'forward', 'normalise images')
    clock(model.clip, 'encode_image', 'image tower, forward')
    clock(model.clip, 'encode_text', 'text tower, forward')
    clock(model, '_match', 'mix, gather, loss, collect')
    clock(optimizer, 'backward', 'both towers and loss, backward')
    clock(optimizer, 'step', 'optimizer')
    clock(optimizer, 'zero_grad', 'optimizer')
    clock(model.memory, 'step', 'prototypes')
    start = now()
    step()
    finish()
    total = now() - start
    seconds['hooks, log, texts to rows'] = total - sum(seconds.values())
    return seconds
