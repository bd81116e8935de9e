from collections.abc import Iterator, Sequence
from copy import deepcopy
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import TRANSFORMS
from mmpretrain import ImageClassificationInferencer
from mmpretrain.structures import DataSample

from mmlatte.datasets.clip_pipeline import two_views
from mmlatte.datasets.decode_options_of import set_decode_options
from mmlatte.decode_image import DecodeOptions
from mmlatte.engine.frozen.known_features import KnownFeatures

from .calibration import (
    fit_temperature,
    mean_confidence,
    with_temperature,
)
from .image_dataset import test_pipeline
from .image_input import list_inputs, shown_image
from .load_classifier import frozen_config, load_classifier
from .new_classes import choose_classes
from .predict_images import known_features, predict_images


class Inferencer(ImageClassificationInferencer):
    """Classify images with any of mmlatte's models.

    Images that cannot be read are results with an ``error``, not the end.

    Args:
        model (str | Config): Config, checkpoint or folder of a run; see
            `mmlatte.apis.inference.load_classifier`.
        checkpoint (str, optional): Weights for `model`, if that is a config.
        classes (Sequence[str], optional): The classes to choose from, see
            `set_classes`. Defaults to the model's.
        temperature (float): Divides the logits before the softmax; `calibrate`
            finds one without labels. Defaults to 1, the model's own scale.
        device (str | torch.device, optional): Defaults to the GPU if there
            is one.
        range (Sequence[float], optional): Values that become black and white,
            see `DecodeOptions`. Defaults to the model's own choice.
        bands (Sequence[int], optional): Bands to show. Defaults likewise.

    Examples:
        With the folder of a run::

            inferencer = Inferencer('work_dirs/my_run')
            inferencer.add_classes(['greenhouse'])
            for result in inferencer.stream('my/images', batch_size=64):
                print(result['img_path'], result.get('pred_class'))
    """

    def __init__(
        self,
        model: str | Config,
        checkpoint: str | None = None,
        classes: Sequence[str] | None = None,
        temperature: float = 1.0,
        device: str | torch.device | None = None,
        range: Sequence[float] | None = None,
        bands: Sequence[int] | None = None,
    ) -> None:
        self._decode = DecodeOptions(range, bands)
        classifier = load_classifier(model, checkpoint, device)
        super().__init__(
            classifier,
            pretrained=False,
            classes=classifier.class_names,
        )
        self.temperature = temperature
        self.known: KnownFeatures | None = None
        #: The model's own classes, whatever `set_classes` leaves out.
        self._own_memory = classifier.memory
        if classes is not None:
            self.set_classes(classes)

    def set_decoding(self, options: DecodeOptions) -> None:
        """Read images with this range and these bands from now on."""
        self._decode = options
        self.known = None
        self.pipeline = self._init_pipeline(self.config)

    def use_features(self, cache_dir: str | Path) -> None:
        """Read no file whose features are known, from now on.

        Known are those that a frozen pass left for this very CLIP and
        pipeline, and the first thousands that are made here.

        Args:
            cache_dir (str | Path): Of the frozen passes, see `FrozenPass`.
        """
        self.known = known_features(self.model, self._steps, cache_dir)

    def set_classes(
        self,
        classes: Sequence[str],
        template: str | None = None,
        synonyms: dict[str, list[str]] | None = None,
        descriptions: dict[str, list[str]] | None = None,
    ) -> list[str]:
        """Choose among these classes only, in this order.

        The classes of the model keep their prototypes, also those that an
        earlier call left out. That of a new class is the feature of its class
        text under the model's own text tower, with nothing from images.

        Args:
            classes (Sequence[str]): Class names.
            template (str, optional): Prompt template of the new classes.
                Defaults to the model's first.
            synonyms (dict[str, list[str]], optional): Further names of new
                classes, whose prototypes are the means of all their texts.
            descriptions (dict[str, list[str]], optional): Sentences about the
                new classes, in the place of names.

        Returns:
            list[str]: Those that are new.

        Raises:
            ValueError: If the model does not predict by prototypes, or has
                fitted them to images and a class is new, or the template has
                not ``{}`` exactly once.
        """
        self.model.memory, new = choose_classes(
            self.model,
            self._own_memory,
            classes,
            template,
            synonyms,
            descriptions,
        )
        self.classes = self.model.class_names
        return new

    def add_classes(self, classes: Sequence[str], *how, **texts) -> list[str]:
        """Let the model choose among these classes too; see `set_classes`."""
        known = set(self.classes)
        extra = [name for name in classes if name not in known]
        return self.set_classes([*self.classes, *extra], *how, **texts)

    @property
    def tells_none(self) -> bool:
        """bool: Whether results tell how probable none of the classes is.

        Only where answers "none of these" calibrated it, and with the model's
        own classes.
        """
        own = set(self.classes) == set(self._own_memory.class_names)
        return own and self.model.none_of_these is not None

    def calibrate(
        self,
        inputs,
        batch_size: int = 64,
        num_workers: int = 0,
        frozen: 'Inferencer | None' = None,
    ) -> float:
        """Set the temperature so that the model is as sure as frozen CLIP.

        See `mmlatte.apis.inference.calibration` for what that is worth.

        Args:
            inputs: Unlabelled images of the domain, a few hundred.
            batch_size (int): Images per forward pass.
            num_workers (int): Processes that load images.
            frozen (Inferencer, optional): The frozen CLIP. Defaults to a new
                one from the model's config.

        Returns:
            float: The temperature, also set as ``temperature``.
        """
        inputs = list_inputs(inputs)
        if frozen is None:
            frozen = Inferencer(
                frozen_config(self.config),
                classes=self.classes,
                device=next(self.model.parameters()).device,
                **self._decode.as_config(),
            )
        scores = []
        for inferencer in (self, frozen):
            stream = inferencer._predict(inputs, batch_size, num_workers)
            found = [s.pred_score for _, s, _ in stream if s is not None]
            if not found:
                raise RuntimeError('calibrate: none of the images is readable')
            scores.append(torch.stack(found).cpu())
        target = mean_confidence(scores[1])
        self.temperature = fit_temperature(scores[0], target)
        return self.temperature

    def __call__(
        self,
        inputs,
        return_datasamples: bool = False,
        batch_size: int = 32,
        num_workers: int = 0,
        **kwargs,
    ) -> list:
        """Classify images.

        Args:
            inputs: Files, folders, globs, images in memory, or lists of
                them; see `mmlatte.apis.inference.image_input`.
            return_datasamples (bool): Return `DataSample` objects (None for
                unreadable images) instead of dicts.
            batch_size (int): Images per forward pass.
            num_workers (int): Processes that load images.
            **kwargs: ``show``, ``show_dir`` ... of mmpretrain's
                ``ImageClassificationInferencer.visualize``.

        Returns:
            list: One result per image, see `stream`.
        """
        inputs = list_inputs(inputs)
        found = list(self._predict(inputs, batch_size, num_workers))
        readable = [(item, s) for item, s, _ in found if s is not None]
        if kwargs and readable:
            images, samples = zip(*readable, strict=True)
            shown = [shown_image(i, self.pipeline[0]) for i in images]
            self.visualize(shown, list(samples), **kwargs)
        if return_datasamples:
            return [sample for _, sample, _ in found]
        return [
            self._result(index, *entry) for index, entry in enumerate(found)
        ]

    def stream(
        self, inputs, batch_size: int = 32, num_workers: int = 0
    ) -> Iterator[dict]:
        """Classify any number of images in constant memory.

        Args:
            inputs: As for calling the inferencer.
            batch_size (int): Images per forward pass.
            num_workers (int): Processes that load images.

        Yields:
            dict: ``img_path`` (or the index of an image in memory) with either
            ``error``, or ``pred_label``, ``pred_class``, ``confidence``,
            ``pred_score`` (its maximum, before the temperature) and
            ``pred_scores`` (C,); with `tells_none`, also
            ``none_probability``.
        """
        items = list_inputs(inputs)
        for index, entry in enumerate(
            self._predict(items, batch_size, num_workers)
        ):
            yield self._result(index, *entry)

    def _predict(
        self, items: list, batch_size: int, num_workers: int
    ) -> Iterator[tuple[object, DataSample | None, str]]:
        """Yield every input with its prediction, or None and the error."""
        return predict_images(
            self.model,
            items,
            self.pipeline,
            batch_size,
            num_workers,
            self.known,
        )

    def _result(
        self, index: int, item, sample: DataSample | None, error: str
    ) -> dict:
        path = item if isinstance(item, str) else index
        if sample is None:
            return dict(img_path=path, error=error)
        scores = sample.pred_score
        label = int(scores.argmax())
        confidence = with_temperature(scores, self.temperature)
        more = {}
        if self.tells_none:
            more['none_probability'] = float(sample.none_probability)
        return dict(
            **more,
            img_path=path,
            pred_label=label,
            pred_class=self.classes[label],
            confidence=float(confidence[label]),
            pred_score=float(scores[label]),
            pred_scores=scores.cpu().numpy(),
        )

    def _init_pipeline(self, cfg: Config) -> tuple:
        """Return the loading transform and those after it."""
        self._steps = steps = deepcopy(test_pipeline(cfg))
        set_decode_options(steps, self._decode)
        steps = two_views(steps, self.model.second_encoder)
        first = TRANSFORMS.build(steps[0])
        return first, Compose([TRANSFORMS.build(step) for step in steps[1:]])
