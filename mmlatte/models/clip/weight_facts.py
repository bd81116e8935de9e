"""What a file of weights does not say: preprocessing, and which GELU.

A tag of open_clip names both. For a file they are those of the published
weights that it is recognised as; else those on which all published weights of
the architecture agree; else they must be given.
"""

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path

import torch
from open_clip.pretrained import (
    get_pretrained_cfg,
    list_pretrained_tags_by_model,
)
from open_clip.transform import PreprocessCfg
from torch import Tensor, nn

__all__ = [
    'check_preprocess',
    'gelu_difference',
    'preprocess_of',
    'published_differ',
    'quick_gelu_of',
    'recognise',
    'tag_preprocess',
]

KEYS = ('mean', 'std', 'interpolation', 'resize_mode')
CHOICES = {
    'interpolation': ('bicubic', 'bilinear'),
    'resize_mode': ('shortest', 'squash', 'longest'),
}
#: open_clip writes the digest of a file into its address or its name.
DIGEST = re.compile(r'(?:/|-)([0-9a-f]{64}|[0-9a-f]{8})(?:/|\.pth?$)')


def published(name: str) -> dict[str, dict]:
    """Return the published weights of an architecture, tag -> facts.

    Args:
        name (str): Of the architecture.
    """
    tags = list_pretrained_tags_by_model(name)
    return {tag: get_pretrained_cfg(name, tag) for tag in tags}


def _with_twin(name: str) -> dict[str, dict]:
    """Those of the twin without ``-quickgelu`` too: files fit both."""
    return {**published(name.removesuffix('-quickgelu')), **published(name)}


def published_differ(name: str) -> bool:
    """Whether nothing is known of how an architecture's images are prepared.

    Args:
        name (str): Of the architecture.

    Returns:
        bool: False where all published weights agree.
    """
    hows = {repr(tag_preprocess(tag)) for tag in published(name).values()}
    return len(hows) != 1


def tag_preprocess(tag: dict) -> dict:
    """Return the preprocessing that a tag names; open_clip's default else."""
    facts = {**asdict(PreprocessCfg()), **tag}
    return _plain({key: facts[key] for key in KEYS})


def check_preprocess(given: Mapping | str, name: str) -> dict:
    """Return a preprocessing that a user gave.

    Args:
        given (Mapping | str): All of ``mean``, ``std``, ``interpolation`` and
            ``resize_mode``; or a tag, for that of these weights.
        name (str): Of the architecture.

    Raises:
        ValueError: If something is missing or makes no sense.
    """
    if isinstance(given, str):
        tags = published(name)
        if given not in tags:
            raise ValueError(
                f'preprocess={given!r} is no tag of {name}: choose from '
                f'{[*tags]}, or give a dict of {", ".join(KEYS)}'
            )
        return tag_preprocess(tags[given])
    if set(given) != {*KEYS}:
        raise ValueError(
            f'preprocess={dict(given)}: must have exactly the keys '
            f'{", ".join(KEYS)}'
        )
    for key, choices in CHOICES.items():
        if given[key] not in choices:
            raise ValueError(
                f'preprocess.{key}={given[key]!r}: choose from {choices}'
            )
    for key in ('mean', 'std'):
        values = given[key]
        least = 0 if key == 'mean' else 1e-6
        if len(values) != 3 or not all(least <= v <= 1 for v in values):
            raise ValueError(
                f'preprocess.{key}={values}: three numbers, of pixels from 0 '
                'to 1'
            )
    return _plain(given)


def preprocess_of(name: str, tag: str | None) -> dict:
    """Return the preprocessing of weights without a tag of their own.

    Args:
        name (str): Of the architecture.
        tag (str, optional): What the weights were recognised as.

    Raises:
        ValueError: If it cannot be known; lists the published ones.
    """
    tags = _with_twin(name) if tag else published(name)
    found: dict[str, list[str]] = {}
    for key in [tag] if tag else tags:
        found.setdefault(repr(tag_preprocess(tags[key])), []).append(key)
    if len(found) == 1:
        return tag_preprocess(tags[tag or next(iter(tags))])
    if not found:
        default = tag_preprocess({})
        raise ValueError(
            f'nothing says how images are prepared for these weights: there '
            f'are no published ones of {name}. Set preprocess= as they were '
            f"trained; open_clip's own training has {default}"
        )
    lines = [f'  {how}: {", ".join(of)}' for how, of in found.items()]
    raise ValueError(
        f'nothing says how images are prepared for these weights: the '
        f'published ones of {name} differ. Set preprocess= to one of these, '
        'or to a tag that has it:\n' + '\n'.join(lines)
    )


def quick_gelu_of(name: str, tag: str | None) -> bool | None:
    """Return whether weights need QuickGELU; None if it cannot be known.

    Args:
        name (str): Of the architecture.
        tag (str, optional): What the weights were recognised as.
    """
    tags = _with_twin(name) if tag else published(name)
    if tag:
        return bool(tags[tag].get('quick_gelu'))
    if name.endswith('-quickgelu'):
        return True
    found = {bool(facts.get('quick_gelu')) for facts in tags.values()}
    return None if len(found) == 2 else True in found


def recognise(name: str, path: str) -> str | None:
    """Return the tag of the published weights in a file, None if unknown.

    By the name of the file or of a folder above it, which holds the tag or
    the repository; else by the digest that open_clip knows of some files.

    Args:
        name (str): Of the architecture.
        path (str): The file; its digest is read only where it decides.
    """
    tags = _with_twin(name)
    if not tags:
        return None
    *folders, file = Path(path).parts
    places = [file, *folders[-1:]]
    # The longest first: 'dfn2b_s39b' is not 'dfn2b'.
    for tag in sorted(tags, key=len, reverse=True):
        word = rf'(?<![a-z0-9]){re.escape(tag.lower())}(?![a-z0-9])'
        if any(re.search(word, place.lower()) for place in places):
            return tag
    for tag, facts in tags.items():
        repository = facts.get('hf_hub', '').rpartition('/')[0]
        cached = f'models--{repository.replace("/", "--")}'
        if repository and {cached, repository.split('/')[-1]} & {*folders}:
            return tag
    known = {
        found[1]: tag
        for tag, facts in tags.items()
        if (found := DIGEST.search(facts.get('url', '')))
    }
    if known and (published_differ(name) or quick_gelu_of(name, None) is None):
        status = os.stat(path) if os.path.isfile(path) else None
        if status is not None:
            digest = _sha256(path, status.st_size, status.st_mtime_ns)
            return known.get(digest) or known.get(digest[:8])
    return None


@lru_cache
def _sha256(path: str, size: int, changed: int) -> str:
    """SHA-256 of a file; size and time of change make it read anew."""
    with open(path, 'rb') as file:
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@torch.no_grad()
def gelu_difference(visual: nn.Module, size: tuple[int, int]) -> float:
    """Distance of an image's unit features under GELU and QuickGELU.

    Args:
        visual (nn.Module): Image tower of open_clip with GELU.
        size (tuple[int, int]): Height and width of its input.

    Returns:
        float: Of a made image: 0 for the same, 1.41 for unrelated ones.
    """
    rows, columns = (torch.linspace(-2, 2, side) for side in size)
    image = torch.stack(
        [
            rows[:, None] * columns,
            (4 * rows[:, None]).sin().expand(size),
            (4 * columns).cos().expand(size),
        ]
    )[None]
    image = image.to(next(visual.parameters()))
    training = visual.training
    visual.eval()
    before = nn.functional.normalize(_features(visual, image), dim=1)
    hooks = [
        module.register_forward_hook(_quick)
        for module in visual.modules()
        if isinstance(module, nn.GELU)
    ]
    after = nn.functional.normalize(_features(visual, image), dim=1)
    for hook in hooks:
        hook.remove()
    visual.train(training)
    return float((before - after).norm())


def _features(visual: nn.Module, image: Tensor) -> Tensor:
    features = visual(image)
    if isinstance(features, tuple):
        features = features[0]
    return features.float()


def _quick(module: nn.Module, inputs: tuple, output: Tensor) -> Tensor:
    """Forward hook: QuickGELU in the place of GELU."""
    return inputs[0] * torch.sigmoid(1.702 * inputs[0])


def _plain(facts: Mapping) -> dict:
    """Return facts as they are compared and written: tuples, floats."""
    return {
        key: facts[key]
        if isinstance(facts[key], str)
        else tuple(float(v) for v in facts[key])
        for key in KEYS
    }
