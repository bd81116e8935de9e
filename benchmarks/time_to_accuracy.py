"""Seconds of training until an accuracy is reached, method by method.

    MMLATTE_TEST_ASSETS=... python benchmarks/time_to_accuracy.py --seeds 0

EuroSAT with the small CLIP of the test assets, a part of its images. Every
run is a process of its own on one thread; seconds are those of the CPU, with
loading, without the evaluations that measure the accuracy. What is made once
(texts of the LMM, frozen features, activations) is a column of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import mean

HERE = Path(__file__).resolve().parent
RATE = 'optim_wrapper.optimizer.lr'
TUNING = 'model.clip.tuning'
HOOK = 'default_hooks.cached_prefix'
BLOCK = dict(type='mmlatte.BlockTuning')
#: Row -> method, views (None: its own), changes of its config.
VARIANTS: dict[str, tuple[str, str | None, dict]] = {
    'LatteCLIP, every weight': ('latteclip', None, {}),
    'frozen text tower': ('latteclip', None, {'model.clip.freeze_text': True}),
    'norms': (
        'latteclip',
        None,
        {TUNING: dict(type='mmlatte.NormTuning'), RATE: 1e-3},
    ),
    'LoRA': (
        'latteclip',
        None,
        {TUNING: dict(type='mmlatte.LoRATuning'), RATE: 1e-3},
    ),
    'last block': ('latteclip', None, {TUNING: BLOCK, RATE: 3e-4}),
    'last block, no augmentation': (
        'latteclip',
        'texts_plain',
        {TUNING: BLOCK, RATE: 3e-4},
    ),
    'last block, cached prefix': (
        'latteclip',
        'texts_plain',
        {
            TUNING: BLOCK,
            RATE: 3e-4,
            HOOK: dict(type='mmlatte.CachedPrefixHook'),
        },
    ),
    'LattePlus': ('latteplus', None, {}),
    'LattePlus tuned': (
        'latteplus_tuned',
        None,
        {'model.always_train': True, 'model.min_perplexity': 0.0},
    ),
    'answers, 5 a class': ('answers', None, {}),
}
TRAINED = ('latteclip', 'latteplus_tuned')


def run_one(variant: str, seed: int, folder: Path, options) -> None:
    """Train in this process; write what was measured."""
    import torch
    from mmengine.hooks import Hook

    from mmlatte.apis import build_runner, compose_config

    torch.set_num_threads(1)
    method, views, changes = VARIANTS[variant]
    cfg = compose_config(
        str(HERE.parent / 'configs' / 'methods' / f'{method}.py'),
        str(HERE / 'configs' / 'data' / 'eurosat.py'),
        str(HERE / 'configs' / 'clips' / 'rsclip.py'),
    )
    if views is not None:
        from mmengine.config import Config

        part = Config.fromfile(HERE / 'configs' / 'clips' / 'rsclip.py')
        cfg.train_dataloader.dataset.pipeline = part.pipelines[views]
    every = {'train': 13500 // options.images, 'val': 8100 // options.images}
    for part, step in every.items():
        loader = cfg[f'{part}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
        count = 13500 if part == 'train' else 8100
        rows = range(0, count, max(1, step))
        loader.dataset.indices = [*rows][: options.images]
    cfg.work_dir = str(folder / 'run')
    cfg.launcher = 'none'
    cfg.randomness = dict(seed=seed, deterministic=False)
    cache = str(options.out.parent / 'cache')
    hooks = cfg.default_hooks
    hooks.zero_shot_label.update(cache_dir=cache, num_workers=0)
    if 'text_synth' in hooks:
        hooks.text_synth.store_dir = cache
    if method in TRAINED:
        epochs = options.epochs
        cfg.train_dataloader.batch_size = options.batch
        cfg.train_cfg.update(max_epochs=epochs, val_interval=1)
        cfg.param_scheduler.end = epochs
    hooks.checkpoint.interval = options.epochs
    cfg.merge_from_dict(changes)
    if method == 'answers':
        cfg.default_hooks.frozen_features.answers = _answers(cfg, folder, seed)
    clock = {'train': 0.0, 'epochs': [], 'accuracies': [], 'images': 0}

    class Clock(Hook):
        """CPU seconds of training; its accuracy after every epoch."""

        priority = 'LOWEST'

        def before_train(self, runner) -> None:
            clock['once'] = time.process_time() - begun

        def before_train_epoch(self, runner) -> None:
            self.start = time.process_time()

        def after_train_epoch(self, runner) -> None:
            spent = time.process_time() - self.start
            clock['train'] += spent
            clock['epochs'].append(spent)

        def after_val_epoch(self, runner, metrics=None) -> None:
            if metrics:
                accuracy = metrics['accuracy/top1']
                clock['accuracies'].append((clock['train'], accuracy))

    runner = build_runner(cfg)
    runner.register_hook(Clock())
    begun = time.process_time()
    runner.train()
    clock['images'] = len(runner.train_loop.dataloader.dataset)
    (folder / 'clock.json').write_text(json.dumps(clock))


def _answers(cfg, folder: Path, seed: int) -> str:
    """Write answers about five random images of every class."""
    import numpy as np
    from mmengine.config import ConfigDict

    from mmlatte.datasets.sample_index import samples_of
    from mmlatte.registry import DATASETS

    loader: ConfigDict = cfg.train_dataloader
    dataset = DATASETS.build({**loader.dataset, 'pipeline': []})
    samples = samples_of(dataset)
    names = samples.names(0, len(dataset))
    classes = dataset.metainfo['classes']
    rng = np.random.default_rng(seed)
    lines = ['image,class']
    for label, name in enumerate(classes):
        rows = np.flatnonzero(np.asarray(samples.labels) == label)
        lines += [f'{names[i]},{name}' for i in rng.permutation(rows)[:5]]
    path = folder / 'answers.csv'
    path.write_text('\n'.join(lines))
    return str(path)


def row(variant: str, found: list[dict], target: float) -> str:
    """Return the line of a variant, over its seeds."""
    reached = []
    for clock in found:
        times = [t for t, top1 in clock['accuracies'] if top1 >= target]
        reached.append(min(times) if times else None)
    last = [clock['accuracies'][-1][1] for clock in found]
    later = [s for clock in found for s in clock['epochs'][1:] or []]
    rate = found[0]['images'] / mean(later) if later else None
    known = [t for t in reached if t is not None]
    seconds = f'{mean(known):.1f}' if len(known) == len(found) else 'never'
    cells = (
        variant,
        f'{mean(clock["once"] for clock in found):.0f}',
        f'{mean(clock["train"] for clock in found):.1f}',
        f'{rate:.1f}' if rate else '',
        seconds,
        f'{mean(last):.1f}',
    )
    return f'| {" | ".join(cells)} |'


def reference_rate(batch: int, steps: int = 2) -> float:
    """Return images a CPU second of the reference step, in this process."""
    import torch

    sys.path.insert(0, str(HERE))
    from reference_step import ReferenceStep
    from train_step_worker import TEMPLATE, Batch

    torch.set_num_threads(1)
    assets = os.environ['MMLATTE_TEST_ASSETS']
    texts = Batch.make(batch, 10, 20, 0.35)
    step = ReferenceStep(
        f'local-dir:{assets}/models/rs-clip',
        texts.class_names,
        TEMPLATE,
        torch.device('cpu'),
        torch.float32,
    )
    images = torch.randn(batch, 3, 112, 112)
    arguments = images, texts.image_texts, texts.group_texts, texts.zero_shot
    step(*arguments)
    start = time.process_time()
    for _ in range(steps):
        step(*arguments)
    return steps * batch / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--images', type=int, default=1000)
    parser.add_argument('--batch', type=int, default=64)
    parser.add_argument('--epochs', type=int, default=6)
    parser.add_argument('--seeds', nargs='+', type=int, default=[0])
    parser.add_argument('--target', type=float, default=46.0)
    parser.add_argument('--only', nargs='+', choices=VARIANTS)
    parser.add_argument(
        '--out', type=Path, default=Path('work_dirs/time_to_accuracy/table.md')
    )
    parser.add_argument('--one', nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.out = options.out.absolute()
    folders = options.out.parent / 'runs'

    def folder(variant: str, seed: int) -> Path:
        name = variant.replace(' ', '_').replace(',', '')
        sizes = f'{options.images}_{options.batch}_{options.epochs}'
        return folders / f'{name}_{sizes}_{seed}'

    if options.one:
        variant, seed = options.one
        run_one(variant, int(seed), folder(variant, int(seed)), options)
        return
    options.out.parent.mkdir(parents=True, exist_ok=True)
    kept = options.out.parent / f'reference_{options.batch}.json'
    if not kept.exists():
        kept.write_text(json.dumps(reference_rate(options.batch)))
    rate = json.loads(kept.read_text())
    lines = [
        '| what trains | s once | s of training | images/s after the first '
        f'epoch | s to {options.target:g} % | accuracy at the end |',
        '|---|---|---|---|---|---|',
        f'| reference step | | | {rate:.1f} | | |',
    ]
    for variant in options.only or VARIANTS:
        found = []
        for seed in options.seeds:
            place = folder(variant, seed)
            place.mkdir(parents=True, exist_ok=True)
            if not (place / 'clock.json').exists():
                with (place / 'log.txt').open('w') as log:
                    done = subprocess.run(
                        [
                            *(sys.executable, __file__, *sys.argv[1:]),
                            *('--one', variant, str(seed)),
                        ],
                        stdout=log,
                        stderr=subprocess.STDOUT,
                    )
                if done.returncode:
                    break
            found.append(json.loads((place / 'clock.json').read_text()))
        if len(found) < len(options.seeds):
            lines.append(f'| {variant} | failed: see log.txt | | | | |')
        else:
            lines.append(row(variant, found, options.target))
        print(lines[-1], flush=True)
    about = (
        f'# Time to accuracy\n\n`time_to_accuracy.py`: EuroSAT, small CLIP, '
        f'{options.images} training and as many test images, batch '
        f'{options.batch}, {options.epochs} epochs, seeds {options.seeds}; '
        'CPU seconds of one thread. `s once` is what a first run takes '
        'before its first step: features, texts, activations that are not in '
        'the cache yet (rows share it).\n\n'
    )
    options.out.write_text(about + '\n'.join(lines) + '\n')


if __name__ == '__main__':
    main()
