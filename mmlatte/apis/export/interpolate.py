"""Between the trained model and the CLIP that it started from."""

import logging
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.apis.inference.image_dataset import test_pipeline
from mmlatte.apis.inference.load_classifier import (
    frozen_config,
    load_classifier,
)
from mmlatte.apis.inference.measure import (
    labelled_folder,
    top1,
    zero_shot_top1,
)
from mmlatte.datasets.wrappers import with_pipeline
from mmlatte.models.classifiers import PrototypeClassifier
from mmlatte.models.clip import OpenCLIP, untuned
from mmlatte.registry import DATASETS

__all__ = ['Measured', 'interpolate', 'measure']


@dataclass(frozen=True)
class Measured:
    """Accuracies of an exported model that its run did not measure.

    Args:
        share (float | None): Of the trained weights; None: not interpolated.
        top1 (float | None): On the config's test images, in percent.
        also (str | None): Name of an unrelated folder.
        also_top1 (float | None): Zero-shot accuracy there, in percent.
        also_before (float | None): That of the CLIP it started from.
    """

    share: float | None = None
    top1: float | None = None
    also: str | None = None
    also_top1: float | None = None
    also_before: float | None = None

    def facts(self) -> dict[str, str]:
        """Return lines for the model card."""
        facts = {}
        if self.share is not None:
            facts['interpolated'] = (
                f'{self.share:g} of the trained weights and prototypes, the '
                'rest of the CLIP that they started from (WiSE-FT, arXiv '
                '2109.01903)'
            )
            facts['accuracy'] = (
                'not measured, as interpolated'
                if self.top1 is None
                else f'{self.top1:.2f} %, as interpolated'
            )
        if self.also_top1 is not None:
            facts[f'zero-shot accuracy on {self.also}'] = (
                f'{self.also_top1:.2f} %, of the CLIP it started from '
                f'{self.also_before:.2f} %'
            )
        return facts


@torch.no_grad()
def interpolate(
    classifier: PrototypeClassifier,
    start: PrototypeClassifier,
    share: float,
) -> None:
    r"""Move a model towards the CLIP that it started from, in place.

    .. math::
        w = a\, w_{trained} + (1 - a)\, w_{start}, \qquad
        m_c = \mathrm{norm}(a\, m_c + (1 - a)\, g(t_c))

    for all weights, and the prototypes m with the class texts t (WiSE-FT,
    arXiv 2109.01903, equation 1, of weights and zero-shot head). BatchNorm's
    statistics are weights, too.

    Args:
        classifier (PrototypeClassifier): Its CLIP has no additions of a
            tuning (`untuned`).
        start (PrototypeClassifier): Zero-shot CLIP, likewise.
        share (float): :math:`a`, in [0, 1].

    Raises:
        ValueError: If ``share`` is outside, or training changed no weight.
    """
    if not 0 <= share <= 1:
        raise ValueError(
            f'interpolate={share}: the share of the trained weights is '
            'between 0 (CLIP as it was) and 1 (as trained)'
        )
    before, trained = start.clip.state_dict(), classifier.clip.state_dict()
    if all(torch.equal(before[key], trained[key]) for key in trained):
        raise ValueError(
            f'interpolate={share}: {type(classifier).__name__} did not change '
            "the weights of CLIP, which forgot nothing; leave 'interpolate' "
            'out'
        )
    classifier.clip.load_state_dict(
        {
            key: before[key].lerp(value, share)
            if value.is_floating_point()
            else value
            for key, value in trained.items()
        }
    )
    memory = classifier.memory
    texts = start.encode_classes().to(memory.prototypes)
    mixed = texts.lerp(memory.prototypes.detach(), share)
    memory.reset(F.normalize(mixed, dim=1))


def measure(
    classifier: PrototypeClassifier,
    config: Config,
    share: float | None,
    also: str | None,
) -> Measured:
    """Interpolate a model where that is wanted, and measure it.

    Args:
        classifier (PrototypeClassifier): Changed in place by ``share``.
        config (Config): Of its run.
        share (float, optional): See `interpolate`.
        also (str, optional): Folder with a sub-folder of images per class
            that have nothing to do with the run.

    Raises:
        ValueError: See `interpolate` and `labelled_folder`.
    """
    if share is None and also is None:
        return Measured()
    unrelated = None if also is None else labelled_folder(also)
    start = load_classifier(frozen_config(config), device='cpu')
    start.clip = untuned(start.clip)
    accuracy = None
    if share is not None:
        if isinstance(classifier.clip, OpenCLIP) and classifier.clip.tuning:
            raise ValueError(
                f'interpolate={share}: {type(classifier.clip.tuning).__name__}'
                ' trains what the CLIP it started from does not have'
            )
        interpolate(classifier, start, share)
        accuracy = _test_top1(classifier, config)
    if unrelated is None:
        return Measured(share, accuracy)
    return Measured(
        share,
        accuracy,
        Path(also).name,
        zero_shot_top1(classifier, unrelated, config),
        zero_shot_top1(start, unrelated, config),
    )


def _test_top1(
    classifier: PrototypeClassifier, config: Config
) -> float | None:
    """Measure on the config's test images, if there are some."""
    loader = config.get('test_dataloader') or config.get('val_dataloader')
    if loader is None:
        return None
    try:
        dataset = DATASETS.build(with_pipeline(loader.dataset, []))
    except (OSError, RuntimeError, ValueError) as error:
        print_log(
            f'The test images of the config are not here ({error}): the '
            'accuracy of the interpolated model is not measured.',
            'current',
            level=logging.WARNING,
        )
        return None
    return top1(classifier, dataset, test_pipeline(config))
