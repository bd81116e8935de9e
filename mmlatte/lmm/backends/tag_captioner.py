"""Short texts without any LMM: tags of a classifier, phrases under a CLIP."""

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from PIL import Image

from mmlatte.registry import LMMS

from .base_lmm import Answer, BaseLMM, LMMRequest, LMMUnavailableError
from .load_image import ImageError

__all__ = ['TagCaptioner']


@LMMS.register_module()
class TagCaptioner(BaseLMM):
    """Names what is in an image, without an LMM.

    For machines where no LMM runs. With ``clip`` the text is the nearest of
    given phrases under a CLIP; with ``classifier`` it lists the best tags of
    a timm image classifier. Prompts are ignored.

    Args:
        clip (dict | None): ``model_name`` and ``pretrained`` of open_clip.
        phrases (Sequence[str] | str | None): For ``clip``: phrases, or a
            file with one per line.
        classifier (dict | None): ``model_name`` and optionally
            ``checkpoint_path`` of timm.
        tags (Sequence[str] | str | None): For ``classifier``: names of its
            classes, or a file; by default those of ImageNet.
        top_k (int): Number of phrases or tags in a text.
        template (str): Text around them, ``{}`` stands for the list.
        batch_size (int): Images per forward pass.
        device (str | None): Device; None takes CUDA where it is.

    Examples:
        >>> lmm = TagCaptioner(
        ...     clip=dict(model_name='ViT-B-32', pretrained='openai'),
        ...     phrases=['a river', 'a forest'],
        ... )
    """

    def __init__(
        self,
        clip: dict | None = None,
        phrases: Sequence[str] | str | None = None,
        classifier: dict | None = None,
        tags: Sequence[str] | str | None = None,
        top_k: int = 1,
        template: str = '{}',
        batch_size: int = 64,
        device: str | None = None,
    ) -> None:
        if (clip is None) == (classifier is None):
            raise ValueError('TagCaptioner: give either clip or classifier')
        if clip is not None and not phrases:
            raise ValueError('TagCaptioner: clip needs phrases')
        if template.count('{}') != 1 or top_k < 1 or batch_size < 1:
            raise ValueError(
                'TagCaptioner: template holds {} once; top_k and batch_size '
                'are at least 1'
            )
        self.clip, self.classifier = clip, classifier
        self._source = phrases if clip is not None else tags
        self.top_k, self.template = top_k, template
        self.batch_size = batch_size
        self.device = device or (
            'cuda' if torch.cuda.is_available() else 'cpu'
        )
        self._score: Any = None
        self._transform: Any = None

    @property
    def name(self) -> str:
        """Name of the backend, marked as no LMM."""
        model = (self.clip or self.classifier or {})['model_name']
        return f'tags-no-lmm-{Path(model).name}'

    @property
    def params(self) -> dict:
        """Model and list of phrases."""
        lines = '\n'.join(self._lines())
        model = self.clip or self.classifier or {}
        return {
            'model': {k: str(v) for k, v in model.items()},
            'list': hashlib.blake2b(lines.encode(), digest_size=8).hexdigest(),
            'top_k': self.top_k,
            'template': self.template,
        }

    def _lines(self) -> list[str]:
        if isinstance(self._source, str):
            path = Path(self._source)
            if not path.is_file():
                raise LMMUnavailableError(
                    f'TagCaptioner: there is no file {path}'
                )
            text = path.read_text(encoding='utf-8')
            return [line.strip() for line in text.splitlines() if line.strip()]
        if self._source is not None:
            return list(self._source)
        if self.classifier is None:
            return []
        from timm.data import ImageNetInfo

        return [
            description.split(',')[0]
            for description in ImageNetInfo().label_descriptions()
        ]

    def check(self) -> None:
        """Build the model, which is small, and let go of it again.

        Raises:
            LMMUnavailableError: If its weights or the list are missing.
        """
        self._load()
        # Where no text is missing, nobody else would before training.
        self.close()

    def generate(
        self, requests: Iterable[LMMRequest], seed: int | None = None
    ) -> Iterator[list[Answer]]:
        """Answer requests batch by batch; see :class:`BaseLMM`."""
        self._load()
        source = iter(requests)
        with ThreadPoolExecutor(4) as pool:
            while batch := list(itertools.islice(source, self.batch_size)):
                answers, images, good = [], [], []
                futures = [pool.submit(request.load) for request in batch]
                for request, future in zip(batch, futures, strict=True):
                    try:
                        images.append(future.result())
                        good.append(request)
                    except ImageError as error:
                        reason = f'image: {error}'
                        answers.append(
                            Answer(request, error=reason, final=True)
                        )
                if good:
                    texts = self._texts(images)
                    answers += map(Answer, good, texts)
                yield answers

    @torch.inference_mode()
    def _texts(self, images: list[Image.Image]) -> list[str]:
        pixels = torch.stack([self._transform(image) for image in images])
        scores = self._score(pixels.to(self.device))
        best = scores.topk(min(self.top_k, scores.shape[1])).indices.tolist()
        return [
            self.template.format(', '.join(self._names[i] for i in row))
            for row in best
        ]

    def _load(self) -> None:
        if self._score is not None:
            return
        self._names = self._lines()
        try:
            if self.clip is not None:
                self._load_clip()
            else:
                self._load_classifier()
        except (OSError, RuntimeError, ValueError) as error:
            raise LMMUnavailableError(
                f'TagCaptioner: cannot load {self.clip or self.classifier}: '
                f'{error}'
            ) from error
        print_log(
            f'{self.name}: texts are tags, no LMM writes them', 'current'
        )

    @torch.inference_mode()
    def _load_clip(self) -> None:
        import open_clip

        assert self.clip is not None
        model, _, transform = open_clip.create_model_and_transforms(
            **self.clip, device=self.device
        )
        tokenize = open_clip.get_tokenizer(self.clip['model_name'])
        model.eval()
        features = torch.cat(
            [
                model.encode_text(
                    tokenize(self._names[start : start + 256]).to(self.device),
                    normalize=True,
                )
                for start in range(0, len(self._names), 256)
            ]
        )
        self._transform = transform
        self._score = lambda pixels: (
            model.encode_image(pixels, normalize=True) @ features.T
        )

    def _load_classifier(self) -> None:
        import timm

        assert self.classifier is not None
        given = dict(self.classifier)
        given.setdefault('pretrained', 'checkpoint_path' not in given)
        model = timm.create_model(**given).eval().to(self.device)
        if model.num_classes != len(self._names):
            raise ValueError(
                f'{model.num_classes} classes, but {len(self._names)} tags'
            )
        config = timm.data.resolve_model_data_config(model)
        self._transform = timm.data.create_transform(**config)
        self._score = model

    def close(self) -> None:
        """Free the model's memory."""
        self._score = self._transform = None
