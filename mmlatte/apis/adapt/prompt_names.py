"""Which of the names that a user gives a class CLIP reads."""

import hashlib
import json
import logging
from pathlib import Path

import numpy as np
import torch
from mmengine.logging import print_log

from mmlatte.atomic_file import atomic_file
from mmlatte.fits import FrozenFeatures
from mmlatte.fits.naming.name_choice import MEAN, NameChoice, choose_names
from mmlatte.models.class_texts import check_templates
from mmlatte.models.clip import OpenCLIP

from .options import AdaptOptions

__all__ = ['NAMES', 'choose_prompt_names', 'known_prompt_names']

#: The file, in the folder of the results.
NAMES = 'names.json'


def known_prompt_names(options: AdaptOptions) -> dict[str, list[str]]:
    """Return the names of classes in texts, as far as they are known.

    Args:
        options (AdaptOptions): The choices.

    Returns:
        dict[str, list[str]]: Those that were chosen for these classes, this
        template and this CLIP; else all names.
    """
    found = _stored(options)
    return found['prompt_names'] if found else options.all_names()


def choose_prompt_names(
    images: np.ndarray,
    frozen: FrozenFeatures,
    clip: OpenCLIP,
    options: AdaptOptions,
) -> dict[str, list[str]]:
    """Choose among the names of classes by how they fit the images.

    Writes ``names.json``; what stands there for the same images is not found
    anew. See `choose_names`.

    Args:
        images (np.ndarray): What the images are known by, (N,).
        frozen (FrozenFeatures): Their features by the CLIP.
        clip (OpenCLIP): That CLIP.
        options (AdaptOptions): The choices.

    Returns:
        dict[str, list[str]]: One name of a class, or all of them.
    """
    content = np.ascontiguousarray(images).tobytes()
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    stored = _stored(options)
    if stored and stored['images'] == digest:
        return stored['prompt_names']
    (template,) = check_templates(options.template)
    every = {name: [name] for name in options.classes} | options.all_names()
    texts = [[template.format(one) for one in every[c]] for c in every]
    with torch.no_grad():
        rows = clip.encode_texts([text for own in texts for text in own])
    parts = rows.split([len(own) for own in texts])
    choice = choose_names(frozen, parts)
    names = options.all_names()
    for c, which in enumerate(choice.names):
        if which != MEAN:
            name = options.classes[c]
            names[name] = [every[name][which]]
    _log(choice, names)
    about = dict(
        asked=_asked(options),
        images=digest,
        prompt_names=names,
        agreement=choice.agreement,
        agreement_of_means=choice.agreement_of_means,
        kept=choice.kept,
    )
    with atomic_file(Path(options.out) / NAMES) as file:
        text = json.dumps(about, indent=2, ensure_ascii=False)
        file.write(text.encode() + b'\n')
    return names


def _asked(options: AdaptOptions) -> list:
    return [
        [*options.classes],
        options.synonyms,
        options.template,
        options.clip_settings(),
        [options.range, options.bands],
    ]


def _stored(options: AdaptOptions) -> dict:
    path = Path(options.out) / NAMES
    if not options.chooses_names or not path.is_file():
        return {}
    found = json.loads(path.read_text('utf-8'))
    asked = json.loads(json.dumps(_asked(options)))
    return found if found['asked'] == asked else {}


def _log(choice: NameChoice, names: dict[str, list[str]]) -> None:
    if choice.kept:
        print_log(
            f'names: of every class the mean of all is taken, {choice.kept}',
            'current',
            level=logging.WARNING,
        )
        return
    said = [f'{c}: {", ".join(own)}' for c, own in names.items()]
    print_log(
        'names that CLIP reads, chosen without labels (agreement with the '
        f'clusters {choice.agreement_of_means:.3f} -> {choice.agreement:.3f})'
        f': {"; ".join(said)}',
        'current',
    )
