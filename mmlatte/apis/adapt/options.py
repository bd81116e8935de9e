"""What a user of ``adapt`` may choose, and what follows from it."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch

from mmlatte.apis.inference.measure import labelled_folder
from mmlatte.command_line import DEFAULT_METHOD
from mmlatte.decode_image import DecodeOptions
from mmlatte.lmm.asking.prompts import with_article
from mmlatte.models.class_texts import check_templates

from .methods import METHODS
from .settings import clip_settings, encoder_settings

__all__ = ['AdaptOptions', 'default_template']

#: Questions to an LMM for each class.
PER_CLASS = 10


@dataclass
class AdaptOptions:
    """What a user may choose; None means a default by machine and data.

    Args:
        images (str): Folder of the images.
        classes (Sequence[str]): Class names.
        synonyms (dict[str, list[str]]): Further names of some classes.
        names (str): What is done with them: ``'choose'`` takes, without
            labels, the name that fits the images best, or the mean of all;
            ``'mean'`` takes the mean.
        prompt_names (dict[str, list[str]]): What came of that. Defaults to
            all names.
        descriptions (dict[str, list[str]]): Sentences about every class, in
            the place of the template; or empty.
        describe (str): What an image is, e.g. ``'satellite image'``.
        template (str | None): Class text with ``{}``. Defaults to
            ``'a <describe> of {}.'``, for photos ``'a photo of a {}.'``.
        clip (str): ``NAME/TAG`` of open_clip, ``NAME/FILE``,
            ``local-dir:FOLDER`` or ``hf-hub:OWNER/REPO``.
        preprocess (dict | str | None): For a ``FILE`` with weights: how
            images are prepared, see ``mmlatte.OpenCLIP``.
        quick_gelu (bool | None): For a ``FILE``: whether it needs QuickGELU.
        encoder (str | None): A second frozen encoder beside CLIP:
            ``timm:NAME``, ``timm:NAME/FILE``, ``transformers:FOLDER`` or
            ``open_clip:NAME/TAG`` (as ``clip``).
        method (str): One of `METHODS`.
        lmm (str | None): A model of transformers (folder or hub name), the
            address of a server (``http://HOST:PORT/v1#MODEL``), a file of
            texts (``.jsonl``), or ``'none'`` for class texts only.
        api_key_env (str | None): Environment variable that holds the API key
            of the server. None: ``MMLATTE_API_KEY``, if it is set.
        annotator (str | None): ``'lmm'`` has that LMM answer questions about
            a few images.
        questions (int | None): How many, over all calls. None: `PER_CLASS`
            for each class.
        lr (float | None): Learning rate. None: as the method sets it.
        epochs (int | None): None: as many as make `STEPS` steps.
        batch_size (int | None): None: by images and machine.
        seed (int): Of the run.
        device (str | None): ``'cuda'`` or ``'cpu'``.
        workers (int): Loading processes.
        test (str | None): Folder with a sub-folder of images per class, to
            measure accuracy on; training does not see it.
        also_check (str | None): Folder with a sub-folder of images per class
            that have nothing to do with the run, to see how well CLIP tells
            them by their names before and after.
        range (Sequence[float] | None): The values that become black and
            white, for images of more than 8 bits. None: what the files
            declare, or percentiles of a sample.
        bands (Sequence[int] | None): Numbers, from 1, of the bands that are
            red, green and blue, or of one that is grey.
        skip_unreadable (bool): Leave out images that cannot be read, here
            and where the model predicts.
        out (str): Folder of the results.
        one_clip (bool): Whether CLIP alone predicts, where a second encoder
            helped to label the images.
        answered (bool): Whether there are answers in it, and the method takes
            them.
    """

    images: str
    classes: Sequence[str]
    synonyms: dict[str, list[str]] = field(default_factory=dict)
    names: str = 'choose'
    prompt_names: dict[str, list[str]] = field(default_factory=dict)
    descriptions: dict[str, list[str]] = field(default_factory=dict)
    describe: str = 'photo'
    template: str | None = None
    clip: str = 'ViT-B-32/laion2b_s34b_b79k'
    preprocess: dict | str | None = None
    quick_gelu: bool | None = None
    encoder: str | None = None
    method: str = DEFAULT_METHOD
    lmm: str | None = None
    api_key_env: str | None = None
    annotator: str | None = None
    questions: int | None = None
    lr: float | None = None
    epochs: int | None = None
    batch_size: int | None = None
    seed: int = 0
    device: str | None = None
    workers: int = 2
    test: str | None = None
    also_check: str | None = None
    range: Sequence[float] | None = None
    bands: Sequence[int] | None = None
    skip_unreadable: bool = False
    out: str = 'work_dirs/adapted'
    one_clip: bool = False
    answered: bool = False

    def __post_init__(self) -> None:
        self.images = os.path.abspath(os.path.expanduser(self.images))
        self.device = check_device(self.device)
        if len(self.classes) < 2:
            raise ValueError(
                f'classes={[*self.classes]}: there must be two or more'
            )
        if self.method not in METHODS:
            raise ValueError(
                f'method={self.method!r}: choose from {[*METHODS]}'
            )
        if self.names not in ('choose', 'mean'):
            raise ValueError(f"names={self.names!r}: 'choose' or 'mean'")
        if not self.prompt_names:
            self.prompt_names = self.all_names()
        self._check_annotator()
        self._check_not_taken()
        for name in ('epochs', 'batch_size', 'questions'):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f'{name}={value} must be at least 1')
        if self.lr is not None and self.lr <= 0:
            raise ValueError(f'lr={self.lr} must be positive')
        if self.also_check is not None:
            self.also_check = str(Path(self.also_check).expanduser().resolve())
            labelled_folder(self.also_check)  # before hours are spent
        DecodeOptions(self.range, self.bands)  # refuses what makes no sense
        if self.descriptions and self.template is not None:
            raise ValueError(
                f'template={self.template!r}: the class file describes its '
                'classes, and these texts are taken; leave one of them out'
            )
        if self.template is None:
            self.template = default_template(self.describe)
        check_templates(self.template)
        self.encoder_settings()  # refuses what names none

    def all_names(self) -> dict[str, list[str]]:
        """Return all names of the classes that have several."""
        return {name: [name, *own] for name, own in self.synonyms.items()}

    @property
    def chooses_names(self) -> bool:
        """bool: Whether there are names to choose from."""
        some = self.synonyms and not self.descriptions
        return bool(some) and self.names == 'choose'

    def clip_settings(self) -> dict:
        """Return the config of the CLIP."""
        return clip_settings(self.clip, self.preprocess, self.quick_gelu)

    def encoder_settings(self) -> dict | None:
        """Return the config of the second encoder, None without one."""
        return None if self.encoder is None else encoder_settings(self.encoder)

    def _check_annotator(self) -> None:
        """Refuse questions without somebody to answer them."""
        if self.annotator not in (None, 'lmm'):
            raise ValueError(
                f"annotator={self.annotator!r}: only 'lmm' can be asked here; "
                'a person answers the page of ask'
            )
        if self.annotator is None:
            if self.questions is not None:
                raise ValueError(
                    f"questions={self.questions}: name annotator='lmm' too"
                )
            return
        if self.lmm == 'none':
            raise ValueError("annotator='lmm' needs an LMM, but lmm='none'")
        if self.questions is None:
            self.questions = PER_CLASS * len(self.classes)

    def _check_not_taken(self) -> None:
        """Refuse what a method would do nothing with."""
        for name, why in METHODS[self.method].refused().items():
            if name in ('lmm', 'api_key_env') and self.annotator is not None:
                continue
            value = getattr(self, name)
            if value is not None and (name, value) != ('lmm', 'none'):
                raise ValueError(
                    f'{name}={value!r}: method={self.method!r} {why}; leave '
                    'it out'
                )


def check_device(device: str | None) -> str:
    """Return the device to use, by default the GPU if there is one.

    Raises:
        ValueError: If it is not there, or if training would use another.
    """
    on_gpu = torch.cuda.is_available()
    if device is None:
        return 'cuda' if on_gpu else 'cpu'
    kind = device.split(':')[0]
    if kind not in ('cuda', 'cpu'):
        raise ValueError(f"device={device!r}: 'cuda', 'cuda:N' or 'cpu'")
    if kind == 'cuda' and not on_gpu:
        raise ValueError(f'device={device!r}, but torch sees no GPU')
    if kind == 'cpu' and on_gpu:
        raise ValueError(
            "device='cpu', but training takes a GPU where there is one: set "
            'CUDA_VISIBLE_DEVICES= (empty) to hide it'
        )
    if ':' in device:
        torch.cuda.set_device(device)
    return device


def default_template(describe: str) -> str:
    """Return the class text of images of a kind.

    Examples:
        >>> default_template('photo')
        'a photo of a {}.'
        >>> default_template('aerial image')
        'an aerial image of {}.'
    """
    if describe == 'photo':
        return 'a photo of a {}.'
    return f'{with_article(describe)} of {{}}.'
