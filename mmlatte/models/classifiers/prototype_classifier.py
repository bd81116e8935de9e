from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmpretrain.structures import DataSample
from torch import Tensor, nn

from mmlatte.models.class_texts import (
    check_class_texts,
    check_templates,
    texts_of_classes,
)
from mmlatte.models.memory import AnyShapeBuffers
from mmlatte.models.precision import full_precision
from mmlatte.registry import MODELS

from .method import Method


class PrototypeClassifier(AnyShapeBuffers, Method):
    """A CLIP that classifies images by their nearest class prototype.

    .. math:: y = argmax_c cos(f(x), m_c)

    The text tower is not used for prediction once the prototypes are set:
    `init_weights` sets them before training, the first prediction of a model
    without a checkpoint does, and a checkpoint brings its own.

    Args:
        clip (dict | nn.Module): Config of the CLIP, e.g. ``mmlatte.OpenCLIP``,
            or one that is built, to share it.
        class_names (Sequence[str]): The classes, C of them.
        templates (str | Sequence[str]): Prompt templates with one ``{}`` for
            the class name. With several, a class is the normalised mean of
            its normalised texts.
        descriptions (str | dict, optional): Sentences about every class, as
            a language model writes them, instead of templates: a JSON file or
            a dict ``{class name: [sentence, ...]}``; a class is the
            normalised mean of its normalised sentences (CuPL, arXiv
            2209.03320). Upper and lower case of names do not matter.
        prompt_names (dict[str, Sequence[str]], optional): What some classes
            are called in texts, in the place of their names; with several, a
            class is the normalised mean of its normalised texts.
        memory (dict, optional): Overrides of the ``mmlatte.PrototypeMemory``.
        data_preprocessor (dict, optional): Config of the preprocessor.
        init_cfg (dict, optional): Must be None: towers are loaded by ``clip``.
        replay (dict, optional): Config of ``mmlatte.VocabularyReplay``, a loss
            against forgetting, for methods that have it (``replays``).

    Attributes:
        second_encoder (nn.Module): Sees the images beside CLIP, see
            `FittedClassifier`; None for other methods.

    Raises:
        ValueError: If a template has no ``{}``, if the tuning trains words
            that the first template does not begin with, or if there is an
            `init_cfg`, or a `replay` that the method has not.
    """

    #: Whether ``loss`` adds that of ``replay``.
    replays: bool = False

    def __init_subclass__(cls, **kwargs) -> None:
        super().__init_subclass__(**kwargs)
        if 'logits' in vars(cls) or 'predict' in vars(cls):
            raise TypeError(
                f'{cls.__name__} overrides logits or predict: images are '
                'predicted from features that may be known already; override '
                'feature_logits(features) or predict_features(features, '
                'data_samples), and extract_feat(inputs) where it encodes '
                'images in another way'
            )

    def __init__(
        self,
        clip: dict | nn.Module,
        class_names: Sequence[str],
        templates: str | Sequence[str] = 'a photo of a {}.',
        descriptions: str | dict[str, Sequence[str]] | None = None,
        prompt_names: dict[str, Sequence[str]] | None = None,
        memory: dict | None = None,
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
        replay: dict | None = None,
    ) -> None:
        if replay is not None and not self.replays:
            raise ValueError(f'model.replay: {type(self).__name__} has none')
        if init_cfg is not None:
            raise ValueError(
                f'model.init_cfg is not used, got {init_cfg!r}: give the '
                "towers' weights as model.clip.pretrained, or a checkpoint of "
                'a run as load_from'
            )
        if data_preprocessor is not None:
            data_preprocessor = {
                'type': 'mmpretrain.ClsDataPreprocessor',
                **data_preprocessor,
            }
        super().__init__(data_preprocessor=data_preprocessor)
        # mmpretrain has no option for it, and would wait for the GPU.
        self.data_preprocessor._non_blocking = True
        self.templates = check_templates(templates)
        # Read when needed: a checkpoint predicts without the file.
        self.descriptions = descriptions
        self.prompt_names = dict(prompt_names or {})
        self.replay = None
        if replay is not None:
            self.replay = MODELS.build(
                {'type': 'mmlatte.VocabularyReplay', **replay}
            )
            self.needs_frozen = True
        self.uses_lmm = self.uses_lmm or descriptions is not None
        self.second_encoder: nn.Module | None = None
        built = isinstance(clip, nn.Module)
        self.clip = clip if built else MODELS.build(clip)
        if self.clip.tuning is not None and descriptions is None:
            self.clip.tuning.check_template(self.clip, self.templates[0])
        self.memory = MODELS.build(
            {
                'type': 'mmlatte.PrototypeMemory',
                'class_names': class_names,
                'embed_dim': self.clip.embed_dim,
                **(memory or {}),
            }
        )

    @property
    def class_names(self) -> list[str]:
        """list[str]: The classes, in the order of the prototypes."""
        return self.memory.class_names

    @property
    def uses_prototypes_only(self) -> bool:
        """bool: Whether the nearest prototype is all that predicts."""
        logits = type(self).feature_logits
        plain = logits is PrototypeClassifier.feature_logits
        return plain and self.encodes_as_clip

    @property
    def encodes_as_clip(self) -> bool:
        """bool: Whether image features are those of the CLIP, as they are."""
        return type(self).extract_feat is PrototypeClassifier.extract_feat

    @property
    def prototype_scale(self) -> Tensor:
        """Tensor: Cosines with the prototypes times this are logits."""
        return self.clip.scale

    def class_texts(self, template: str | None = None) -> list[str]:
        """Return the C class texts of a template, by default the first."""
        texts = texts_of_classes(
            self.class_names,
            [template or self.templates[0]],
            prompt_names=self.prompt_names,
        )
        return [own[0] for own in texts]

    @torch.no_grad()
    def encode_classes(self) -> Tensor:
        """Encode the classes with the current text tower.

        Returns:
            Tensor: Unit class features, (C, D).
        """
        features = self._mean_class_features()
        one = len(self.templates) == 1 and not self.prompt_names
        if one and self.descriptions is None:
            return features  # unit, to the last bit
        return F.normalize(features, dim=1)

    @torch.no_grad()
    def _mean_class_features(self) -> Tensor:
        """Return the mean of the unit features of every class, (C, D)."""
        texts = texts_of_classes(
            self.class_names,
            self.templates,
            self.descriptions,
            self.prompt_names,
        )
        check_class_texts(self.clip.tokenizer, self.class_names, texts)
        features = self.clip.encode_texts([t for own in texts for t in own])
        parts = features.split([len(own) for own in texts])
        return torch.stack([part.mean(dim=0) for part in parts])

    def init_weights(self) -> None:
        """Set the prototypes from the class texts.

        The towers hold their pretrained weights since construction.
        """
        self.memory.reset(self.encode_classes())
        if self.replay is not None:
            self.replay.reset(self.clip)

    def extract_feat(self, inputs: Tensor, stage: str | None = None) -> Tensor:
        """Encode images (B, 3, H, W) to unit features (B, D).

        Args:
            inputs (Tensor): Preprocessed images.
            stage (str, optional): Ignored; part of mmpretrain's interface.
        """
        return self.clip.encode_image(inputs).to(self.memory.prototypes)

    def forward(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
        mode: str = 'tensor',
    ):
        """Run one of mmengine's three modes.

        Args:
            inputs (Tensor): Preprocessed images, (B, 3, H, W).
            data_samples (list[DataSample], optional): Annotations.
            mode (str): ``'tensor'`` returns logits (B, C), ``'loss'`` a dict
                of losses, ``'predict'`` data samples with predictions.
        """
        if mode == 'tensor':
            return self.logits(inputs)
        if mode == 'loss':
            return self.loss(inputs, data_samples)
        if mode == 'predict':
            return self.predict(inputs, data_samples)
        raise ValueError(
            f"mode must be 'tensor', 'loss' or 'predict', got {mode!r}"
        )

    def logits(self, inputs: Tensor) -> Tensor:
        """Return the scaled cosines to all prototypes, (B, C)."""
        return self._full_logits(self.extract_feat(inputs))

    def _full_logits(self, features: Tensor) -> Tensor:
        """Return the logits of features in full precision, (B, C)."""
        if not self.memory.is_initialised:
            self.init_weights()
        with full_precision(features):
            return self.feature_logits(features)

    def feature_logits(self, features: Tensor) -> Tensor:
        """Return the logits of image features (B, D), (B, C)."""
        return self.prototype_scale * features @ self.memory.prototypes.T

    @torch.no_grad()
    def predict(
        self,
        inputs: Tensor,
        data_samples: list[DataSample] | None = None,
    ) -> list[DataSample]:
        """Predict label and scores of every image.

        Args:
            inputs (Tensor): Preprocessed images, (B, 3, H, W).
            data_samples (list[DataSample], optional): Filled in place.

        Returns:
            list[DataSample]: With ``pred_score`` (C,) and ``pred_label``.
        """
        return self.predict_features(self.extract_feat(inputs), data_samples)

    @torch.no_grad()
    def predict_features(
        self,
        features: Tensor,
        data_samples: list[DataSample] | None = None,
    ) -> list[DataSample]:
        """Predict label and scores from image features.

        Args:
            features (Tensor): Of `extract_feat`, (B, D).
            data_samples (list[DataSample], optional): Filled in place.

        Returns:
            list[DataSample]: With ``pred_score`` (C,) and ``pred_label``.
        """
        scores = self._full_logits(features).softmax(dim=1)
        return as_samples(scores, data_samples)

    def loss(self, inputs: Tensor, data_samples: list[DataSample]) -> dict:
        """Refuse: the subclass does not train."""
        raise NotImplementedError(
            f'{type(self).__name__} has no training loss; use tools/test.py, '
            'or a method that trains such as mmlatte.LatteCLIPClassifier'
        )


def as_samples(
    scores: Tensor, data_samples: list[DataSample] | None
) -> list[DataSample]:
    """Write scores (B, C) and labels into samples, new ones if None."""
    labels = scores.argmax(dim=1, keepdim=True)
    if data_samples is None:
        data_samples = [DataSample() for _ in scores]
    for sample, score, label in zip(data_samples, scores, labels, strict=True):
        sample.set_pred_score(score).set_pred_label(label)
    return data_samples
