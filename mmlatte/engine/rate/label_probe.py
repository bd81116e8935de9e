"""How far the labels of a model in training are from two others."""

from collections.abc import Sequence
from types import EllipsisType

import numpy as np
import torch
from mmengine.dist import broadcast
from mmengine.runner import Runner

from mmlatte.engine.frozen import FrozenView, ZeroShotLabels
from mmlatte.engine.unwrapped import unwrapped
from mmlatte.fits import FrozenFeatures, LattePlusOptions
from mmlatte.models.agreed_fit import agreed_latteplus
from mmlatte.models.given_labels import GivenLabels

from .path_choice import kappa

#: Images per forward pass.
BATCH = 64
#: Images in which clusters are searched: as good as more.
MAX_IMAGES = 20_000


class LabelProbe:
    """Some training images, with labels that were found without training.

    Args:
        runner (Runner): Its loop is built, its model as it was pretrained or
            resumed.
        view (FrozenView): The training images as frozen CLIP saw them.
        found (ZeroShotLabels): What it found in them.
        images (int): Number of images; fewer if there are fewer.
        latteplus (LattePlusOptions): Of the clusters.
        given (GivenLabels): Labels that follow from answers, if there are
            some: they take the place of the zero-shot labels, and clusters
            tell nothing more. Images of none of the classes are left out.
        clusters (Sequence[int], optional): Their labels by clusters, if a run
            that resumes has found them; None: it has found none. Defaults to
            searching them.

    Attributes:
        zero_shot (np.ndarray): Labels of the frozen CLIP, or by the answers,
            (n,).
        clusters (np.ndarray): Labels by `fit_latteplus`, (n,), or None.
    """

    def __init__(
        self,
        runner: Runner,
        view: FrozenView,
        found: ZeroShotLabels,
        images: int,
        latteplus: LattePlusOptions,
        given: GivenLabels,
        clusters: Sequence[int] | EllipsisType | None = ...,
    ) -> None:
        draw = np.random.default_rng(0)
        if given:
            every = torch.arange(len(view))
            known = given.trained(every >= 0, every)
            among = every[known.cpu()].numpy()
            labels, clusters = given.frozen.labels, None
        else:
            among, labels = np.arange(len(view)), found.labels
        count = min(images, len(among))
        chosen = np.sort(draw.choice(among, count, replace=False))
        self._inputs = torch.stack([view[int(i)][1] for i in chosen])
        self.zero_shot = labels[chosen]
        self.clusters: np.ndarray | None
        if clusters is ...:
            device = next(unwrapped(runner.model).parameters()).device
            frozen = found.frozen().on(device)
            self.clusters = _clusters(frozen, chosen, latteplus)
        else:
            self.clusters = None if clusters is None else np.array(clusters)

    def __len__(self) -> int:
        return len(self.zero_shot)

    @torch.no_grad()
    def measure(self, runner: Runner) -> tuple[float, float | None]:
        """Return the agreement of the model's labels, as Cohen's kappa.

        The main process decides for all: other hardware may round another way.

        Returns:
            tuple: With the zero-shot labels, and with the clusters or None.
        """
        model = unwrapped(runner.model)
        training = model.training
        model.eval()
        predicted = []
        for inputs in self._inputs.split(BATCH):
            data = model.data_preprocessor(dict(inputs=inputs), training=False)
            logits = model(data['inputs'], mode='tensor')
            predicted.append(logits.argmax(dim=1).cpu().numpy())
        model.train(training)
        labels = np.concatenate(predicted)
        values = [kappa(self.zero_shot, labels)]
        if self.clusters is not None:
            values.append(kappa(self.clusters, labels))
        agreement = torch.tensor(values, dtype=torch.float64)
        broadcast(agreement)
        first, *second = agreement.tolist()
        return first, second[0] if second else None


def _clusters(
    frozen: FrozenFeatures, chosen: np.ndarray, options: LattePlusOptions
) -> np.ndarray | None:
    """Label the chosen images by the clusters of all, or of many."""
    which = np.arange(len(frozen))
    if len(which) > MAX_IMAGES:
        draw = np.random.default_rng(1)
        others = draw.choice(which, MAX_IMAGES, replace=False)
        which = np.union1d(others, chosen)
        frozen = frozen.part(which)
    fit = agreed_latteplus(frozen, options)
    if fit.kept_zero_shot:
        return None
    labels = fit.labels.numpy()[np.searchsorted(which, chosen)]
    # Agreement with a single label has no meaning.
    return labels if len(np.unique(labels)) > 1 else None
