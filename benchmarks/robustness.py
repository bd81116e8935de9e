r"""Accuracy of a fit of frozen features on awkward folders.

Fits it to parts of the training features and tests on the same classes:

- ``all``: every image; ``few``: 200 images in all
- ``imbalanced``: classes from 1 to 1/20 of their images, in a random order
- ``absent``: half of the class names have no image
- ``one class``: images of a single class, for every class in turn
- ``outliers``: one image in ten shows none of the classes (--outliers)

``all`` and ``one class`` draw nothing: they are run with seed 0 only.
Labels choose the parts and score the outcome; the method does not see them.
``--vary`` adds the method with an option of its model changed, one at a time
(or several, joined by ``+``).

    for part in eurosat ucmerced; do python tools/print_config.py \
        configs/methods/latteplus.py \
        --data benchmarks/configs/data/$part.py \
        --clip benchmarks/configs/clips/rsclip.py > $part.py; done
    python benchmarks/robustness.py eurosat.py --outliers ucmerced.py \
        --seeds 0 1 2 \
        --vary options.valley=1.0 options.min_agreement=0.0
"""

import argparse
import copy
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config, DictAction
from mmengine.runner import Runner

sys.path.insert(0, str(Path(__file__).parent))
from robustness_parts import draw_parts

from mmlatte.apis import build_runner
from mmlatte.engine.find_hook import require_hook
from mmlatte.engine.hooks import ZeroShotLabelHook
from mmlatte.models import FrozenFeatures
from mmlatte.registry import MODELS


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('configs', nargs='+', metavar='CONFIG')
    parser.add_argument('--outliers', metavar='CONFIG', help='other images')
    parser.add_argument('--seeds', nargs='+', type=int, default=[0, 1, 2])
    parser.add_argument(
        '--vary', nargs='+', default=[], metavar='KEY=VALUE', help='ablation'
    )
    parser.add_argument('--out', help='Markdown file to write the tables to')
    parser.add_argument(
        '--cfg-options', nargs='+', action=DictAction, metavar='KEY=VALUE'
    )
    return parser.parse_args()


@dataclasses.dataclass
class Data:
    """Features and labels of both splits, and the model to fit."""

    cfg: Config
    model: torch.nn.Module
    frozen: FrozenFeatures
    truth: np.ndarray
    test: torch.Tensor
    test_truth: np.ndarray


def load(path: str, options: dict | None, work_dir: str) -> Data:
    """Compute what a config needs; features come out of its cache."""
    cfg = Config.fromfile(path)
    cfg.merge_from_dict(options or {})
    cfg.work_dir, cfg.launcher, cfg.log_level = work_dir, 'none', 'WARNING'
    runner = build_runner(cfg)
    runner._train_loop = runner.build_train_loop(runner._train_loop)
    model = runner.model
    model.init_weights()
    hook = require_hook(runner, ZeroShotLabelHook, 'this benchmark')
    hook.before_run(runner)
    frozen = hook.found.frozen()
    frozen.features = np.array(frozen.features)
    model.eval()
    truth = _labels(runner.train_loop.dataloader)
    data = Data(cfg, model, frozen, truth, *_test(runner))
    _read_features(model)
    return data


def _read_features(model: torch.nn.Module) -> None:
    # From here on images are features.
    model.extract_feat = lambda inputs, stage=None: inputs


def variants(data: Data, options: list[str]) -> dict[str, torch.nn.Module]:
    """Build the model once more for every option, with that changed."""
    models = {'adapted': data.model}
    device = next(data.model.parameters()).device
    for option in options:
        cfg = Config(copy.deepcopy(data.cfg.to_dict()))
        for one in option.split('+'):
            key, _, value = one.partition('=')
            value = DictAction._parse_iterable(value)
            cfg.merge_from_dict({f'model.{key}': value})
        models[option] = model = MODELS.build(cfg.model).to(device).eval()
        _read_features(model)
    return models


def _labels(loader) -> np.ndarray:
    dataset = loader.dataset
    infos = (dataset.get_data_info(i) for i in range(len(dataset)))
    return np.array([info['gt_label'] for info in infos])


@torch.no_grad()
def _test(runner: Runner) -> tuple[torch.Tensor, np.ndarray]:
    features, labels = [], []
    for batch in runner.build_dataloader(runner.cfg.val_dataloader):
        ready = runner.model.data_preprocessor(batch, training=False)
        features.append(runner.model.extract_feat(ready['inputs']).cpu())
        labels += [int(s.gt_label) for s in ready['data_samples']]
    return torch.cat(features), np.array(labels)


def parts(
    data: Data, others: np.ndarray | None, seed: int
) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield name, training features, and which test images count."""
    features = data.frozen.features
    drawn = draw_parts(
        data.truth,
        data.test_truth,
        len(data.frozen.class_features),
        None if others is None else len(others),
        seed,
    )
    for part in drawn:
        chosen = features[part.images]
        if len(part.outliers):
            chosen = np.concatenate([chosen, others[part.outliers]])
        yield part.name, chosen, part.tested


@torch.no_grad()
def score(
    data: Data, model: torch.nn.Module, features: np.ndarray, which: np.ndarray
) -> tuple[float, float]:
    """Return accuracy of zero-shot CLIP and of the method, percent."""
    cosines = features @ data.frozen.class_features.T
    frozen = FrozenFeatures(
        features,
        cosines.argmax(axis=1),
        cosines.max(axis=1),
        data.frozen.class_features,
        scale=data.frozen.scale,
    )
    device = next(model.parameters()).device
    test, truth = data.test[which].to(device), data.test_truth[which]

    def accuracy() -> float:
        found = model(test).argmax(dim=1).cpu().numpy()
        return 100 * float(np.mean(found == truth))

    model.init_weights()
    before = accuracy()
    model.fit(frozen)
    return before, accuracy()


def table(
    name: str, data: Data, others, seeds: list[int], vary: list[str]
) -> str:
    """Return the Markdown table of a config."""
    models = variants(data, vary)
    rows: dict[str, list] = {}
    for seed in seeds:
        for part, features, which in parts(data, others, seed):
            rows.setdefault(part, []).append(
                [score(data, m, features, which) for m in models.values()]
            )
    first, *changed = models
    columns = ['images', 'runs', 'zero-shot', first, 'gain', 'worst gain']
    columns += [f'{variant}: gain (worst)' for variant in changed]
    lines = [f'## {name}', '', _row(columns), _row(['---'] * len(columns))]
    for part, scores in rows.items():
        before, after = np.moveaxis(np.array(scores), -1, 0)  # runs, variants
        gain = after - before
        means, worst = gain.mean(axis=0), gain.min(axis=0)
        cells = [part, str(len(gain)), f'{before[:, 0].mean():.1f}']
        cells += [f'{after[:, 0].mean():.1f}', f'{means[0]:+.1f}']
        cells.append(f'{worst[0]:+.1f}')
        cells += [
            f'{mean:+.1f} ({least:+.1f})'
            for mean, least in zip(means[1:], worst[1:], strict=True)
        ]
        lines.append(_row(cells))
    return '\n'.join(lines)


def _row(cells: list[str]) -> str:
    return f'| {" | ".join(cells)} |'


def main() -> None:
    args = parse_args()
    work_dir = 'work_dirs/robustness'
    others = None
    if args.outliers:
        others = load(args.outliers, args.cfg_options, work_dir)
        others = others.frozen.features
    text = ['# Imbalanced, absent, few: what a method makes of it']
    for path in args.configs:
        data = load(path, args.cfg_options, work_dir)
        text.append(
            table(Path(path).stem, data, others, args.seeds, args.vary)
        )
        print(text[-1], flush=True)
    text.append(
        f'Top-1 in percent on test images of the same classes, seeds '
        f'{args.seeds}. Generated by `benchmarks/robustness.py`.'
    )
    if args.out:
        Path(args.out).write_text('\n\n'.join(text) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
