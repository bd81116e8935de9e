"""Answers that the labels of a data set give in place of a person."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from mmengine.config import Config

from mmlatte.apis.inference.load_classifier import frozen_config
from mmlatte.datasets.answers import Answer, write_answers
from mmlatte.datasets.sample_index import samples_of
from mmlatte.engine.frozen import FrozenPass
from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import ImageStructure, choose
from mmlatte.registry import DATASETS, MODELS

__all__ = [
    'SIMULATED',
    'LabelledFeatures',
    'answer_count',
    'labelled_features',
]

#: The annotator of these answers.
SIMULATED = 'simulated from labels'


def answer_count(text: str, classes: int) -> int:
    """Return a number of answers, given as such or in multiples of C.

    Args:
        text (str): ``'24'``, ``'C'`` or ``'2C'``.
        classes (int): C.

    Raises:
        ValueError: If it is neither.

    Examples:
        >>> [answer_count(text, 10) for text in ('0', '24', 'C', '2C')]
        [0, 24, 10, 20]
    """
    found = re.fullmatch(r'(\d*)(C?)', text)
    if not text or not found:
        raise ValueError(
            f'--answers {text}: give numbers of answers such as 24, or '
            'multiples of the number of classes such as C or 2C'
        )
    number, times = found.groups()
    return int(number or 1) * (classes if times else 1)


@dataclass
class LabelledFeatures:
    """Frozen features of a data set whose labels are known.

    Args:
        frozen (FrozenFeatures): N features.
        ids (Sequence[str]): Ids of the samples.
        labels (np.ndarray): (N,).
        classes (Sequence[str]): The class names.
    """

    frozen: FrozenFeatures
    ids: Sequence[str]
    labels: np.ndarray
    classes: Sequence[str]
    _structure: ImageStructure | None = None

    def answer(self, count: int, folder: Path) -> tuple[Path, int]:
        """Ask about well-chosen images, and answer by their labels.

        Args:
            count (int): Questions.
            folder (Path): Of the file.

        Returns:
            tuple[Path, int]: A file of answers, named by its content, and
            their number; smaller than ``count`` where all other images are
            near-duplicates.
        """
        if self._structure is None:
            self._structure = ImageStructure.of(self.frozen)
        rows = choose(self.frozen, count, structure=self._structure).rows
        answers = [
            Answer(
                self.ids[row], self.classes[self.labels[row]], source=SIMULATED
            )
            for row in rows
        ]
        content = repr(answers).encode('utf-8', 'surrogateescape')
        digest = hashlib.sha256(content).hexdigest()[:12]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f'{len(answers)}-{digest}.csv'
        write_answers(path, answers)
        return path, len(answers)


def labelled_features(cfg: Config, loader: str) -> LabelledFeatures:
    """Look at the images of a config as frozen CLIP does, or read the cache.

    Args:
        cfg (Config): A whole config of a method.
        loader (str): ``'train_dataloader'`` or ``'test_dataloader'``.

    Raises:
        ValueError: If the images have no labels.
    """
    model = MODELS.build(frozen_config(cfg).model)
    # As ZeroShotLabelHook does, so that runs find the features.
    pipeline = cfg.test_dataloader.dataset.pipeline
    dataset = DATASETS.build({**cfg[loader].dataset, 'pipeline': pipeline})
    samples = samples_of(dataset)
    if samples.labels is None:
        raise ValueError(
            f'{loader}.dataset has no labels to answer with; --answers needs '
            'a labelled data set'
        )
    model.init_weights()
    frozen_pass = FrozenPass(
        cfg.default_hooks.zero_shot_label.cache_dir,
        [dict(step) for step in pipeline],
    )
    return LabelledFeatures(
        frozen_pass(model, dataset).frozen(),
        samples.names(0, len(dataset)),
        np.asarray(samples.labels, np.int64),
        model.class_names,
    )
