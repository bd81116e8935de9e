"""Find the weights of a CLIP before anything is built.

open_clip falls back to random weights for ``hf-hub:`` names, and to OpenAI's
preprocessing for files. Here every failure is one error that names the
weights, their source and the place to put them.
"""

import difflib
import json
import os
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import open_clip
from open_clip.constants import HF_SAFE_WEIGHTS_NAME
from open_clip.factory import parse_model_name
from open_clip.pretrained import (
    download_pretrained_from_hf,
    get_pretrained_cfg,
    list_pretrained_tags_by_model,
)

from .fetching import fetch_tag, reach_hub
from .weight_facts import (
    check_preprocess,
    preprocess_of,
    published_differ,
    quick_gelu_of,
    recognise,
    tag_preprocess,
)


class Weights(NamedTuple):
    """Where weights are, and what must be known of them.

    Attributes:
        path (str | None): The file; None for weights that open_clip finds by
            itself (``local-dir:``, ``hf-hub:``) and for random ones.
        quick_gelu (bool | None): Whether they need QuickGELU; None if that
            cannot be known.
        preprocess (dict): Normalisation and resizing; empty where open_clip
            reads them from the folder of the weights.
        from_file (bool): Whether the two were found out, for a file.
        tag (str | None): The published weights that they are, if any.
    """

    path: str | None
    quick_gelu: bool | None = False
    preprocess: dict = {}
    from_file: bool = False
    tag: str | None = None


def find_weights(
    model_name: str,
    pretrained: str | None = None,
    cache_dir: str | None = None,
    fetch: bool = True,
    preprocess: Mapping | str | None = None,
    quick_gelu: bool | None = None,
) -> Weights:
    """Find, and fetch if need be, the weights of a CLIP.

    Args:
        model_name (str): Name of an open_clip model, ``local-dir:FOLDER`` or
            ``hf-hub:OWNER/REPO``.
        pretrained (str, optional): A tag of open_clip, or a weights file.
        cache_dir (str, optional): Where downloads are kept. Defaults to the
            cache of the hub (``HF_HOME``).
        fetch (bool): False asks for the facts only; the path is None then.
            Defaults to True.
        preprocess (Mapping | str, optional): How images are prepared, see
            `check_preprocess`. Defaults to what is known of the weights.
        quick_gelu (bool, optional): Whether the weights need QuickGELU.
            Defaults to what is known of them.

    Returns:
        Weights: The file, and what must be known of it.

    Raises:
        RuntimeError: If there is no such model, tag or file, if the
            weights can neither be found nor downloaded, or if nothing says
            how images are prepared for them.
    """
    schema, identifier = parse_model_name(model_name)
    if schema is not None:
        if pretrained:
            raise RuntimeError(
                f"model_name='{model_name}' brings its own weights: set "
                f"pretrained=None (found '{pretrained}')."
            )
        if schema == 'local-dir':
            _check_folder(Path(identifier))
        else:
            reach_hub(identifier, ['open_clip_config.json'], cache_dir)
        given = {}
        if preprocess is not None:
            given = check_preprocess(preprocess, model_name)
        return Weights(None, bool(quick_gelu), given)

    name = identifier.replace('/', '-')
    if name not in open_clip.list_models():
        raise RuntimeError(_unknown_model(name))
    tag = get_pretrained_cfg(name, pretrained) if pretrained else {}
    path, is_file = None, bool(pretrained) and not tag
    if tag and fetch:
        path = fetch_tag(name, pretrained, tag, cache_dir)
    elif is_file:
        path = os.path.expanduser(pretrained)
        if fetch and not os.path.isfile(path):
            raise RuntimeError(_unknown_tag(name, pretrained))
    same = pretrained if tag else recognise(name, path) if is_file else None
    if preprocess is not None:
        how = check_preprocess(preprocess, name)
    elif tag or (not pretrained and published_differ(name)):
        how = tag_preprocess(tag)
    else:
        try:
            how = preprocess_of(name, same)
        except ValueError as error:
            raise RuntimeError(f"'{pretrained}': {error}") from None
    if quick_gelu is None:
        quick_gelu = bool(tag.get('quick_gelu'))
        if is_file:
            quick_gelu = quick_gelu_of(name, same)
    if quick_gelu is False and is_file and name.endswith('-quickgelu'):
        raise RuntimeError(
            f"'{pretrained}' needs GELU, and '{name}' has QuickGELU: set "
            f"model_name='{name.removesuffix('-quickgelu')}'"
        )
    return Weights(path if fetch else None, quick_gelu, how, is_file, same)


def read_config(
    model_name: str,
    cache_dir: str | None = None,
    preprocess_given: bool = True,
) -> dict:
    """Return open_clip's ``model_cfg`` of a model that exists.

    Args:
        model_name (str): As for :func:`find_weights`.
        cache_dir (str, optional): Where downloads are kept.
        preprocess_given (bool): False checks that a folder says how images
            are prepared.

    Raises:
        ValueError: If it does not.
    """
    schema, identifier = parse_model_name(model_name)
    if schema is None:
        name = identifier.replace('/', '-')
        return deepcopy(open_clip.get_model_config(name))
    path = Path(identifier) / 'open_clip_config.json'
    if schema == 'hf-hub':
        path = download_pretrained_from_hf(
            identifier, filename=path.name, cache_dir=cache_dir
        )
    about = json.loads(Path(path).read_text(encoding='utf-8'))
    missing = {'mean', 'std'} - {*about.get('preprocess_cfg', {})}
    if missing and not preprocess_given:
        raise ValueError(
            f'open_clip_config.json has no preprocess_cfg with '
            f'{" and ".join(sorted(missing))}: nothing says how images are '
            'prepared. Complete it, or set preprocess='
        )
    return about['model_cfg']


def check_hub_text_tower(
    model_name: str, text_cfg: dict, cache_dir: str | None = None
) -> None:
    """Check that what a Hugging Face text tower needs can be had.

    Args:
        model_name (str): As for :func:`find_weights`.
        text_cfg (dict): ``text_cfg`` of the open_clip model.
        cache_dir (str, optional): Where the tokenizer is kept.

    Raises:
        RuntimeError: If configuration or tokenizer are neither in a local
            folder, nor cached, nor reachable.
    """
    tower = text_cfg.get('hf_model_name')
    if tower and not os.path.isdir(tower):
        reach_hub(tower, ['config.json'], None)
    tokenizer = text_cfg.get('hf_tokenizer_name')
    # open_clip reads the tokenizer of a folder from that very folder.
    in_folder = parse_model_name(model_name)[0] == 'local-dir'
    if tokenizer and not in_folder and not os.path.isdir(tokenizer):
        files = ['tokenizer_config.json', 'tokenizer.json', 'vocab.txt']
        reach_hub(tokenizer, files, cache_dir)


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise RuntimeError(f"CLIP folder '{folder}' does not exist.")
    if not (folder / 'open_clip_config.json').is_file():
        raise RuntimeError(
            f"CLIP folder '{folder}' holds no open_clip_config.json: it is "
            "not in open_clip's folder format."
        )
    kinds = ('*.safetensors', '*.bin', '*.pth')
    if not any(any(folder.glob(kind)) for kind in kinds):
        raise RuntimeError(
            f"CLIP folder '{folder}' holds no weights: put "
            f"'{HF_SAFE_WEIGHTS_NAME}' into it."
        )


def _unknown_model(name: str) -> str:
    models = open_clip.list_models()
    lowered = {model.lower(): model for model in models}
    close = difflib.get_close_matches(name.lower(), lowered, n=5, cutoff=0.5)
    hint = ', '.join(f"'{lowered[match]}'" for match in close)
    hint = f'Did you mean {hint}? ' if hint else ''
    return (
        f"open_clip has no model '{name}'. {hint}All names: "
        "open_clip.list_models(); a folder: 'local-dir:<path>'."
    )


def _unknown_tag(name: str, pretrained: str) -> str:
    looks_like_path = os.sep in pretrained or os.path.splitext(pretrained)[
        1
    ].lower() in ('.pt', '.pth', '.bin', '.safetensors', '.npz')
    tags = ', '.join(list_pretrained_tags_by_model(name)) or 'none'
    if looks_like_path:
        return (
            f"The CLIP weights file '{pretrained}' does not exist. Put it "
            f"there, or name a tag of '{name}': {tags}."
        )
    return (
        f"'{pretrained}' is neither a file nor a tag of '{name}'. "
        f'Its tags: {tags}.'
    )
