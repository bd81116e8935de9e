"""Find the weights of a CLIP before anything is built.

open_clip retries an unreachable hub for most of a minute per file and falls
back to random weights for ``hf-hub:`` names. Here every failure is one error
that names the weights, their source and the place to put them.
"""

import difflib
import json
import os
import socket
from copy import deepcopy
from pathlib import Path
from typing import NamedTuple

import open_clip
from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.factory import parse_model_name
from open_clip.pretrained import (
    download_pretrained_from_hf,
    download_pretrained_from_url,
    get_pretrained_cfg,
    list_pretrained_tags_by_model,
)

#: Seconds until an unreachable host counts as unreachable.
TIMEOUT = 10
PREPROCESS_KEYS = ('mean', 'std', 'interpolation', 'resize_mode')


class Weights(NamedTuple):
    """Where weights are, and the facts of their tag.

    Attributes:
        path (str | None): The file; None for weights that open_clip finds by
            itself (``local-dir:``, ``hf-hub:``) and for random ones.
        quick_gelu (bool): Whether the tag asks for QuickGELU.
        preprocess (dict): Normalisation and resizing that the tag names.
    """

    path: str | None
    quick_gelu: bool = False
    preprocess: dict = {}


def find_weights(
    model_name: str,
    pretrained: str | None = None,
    cache_dir: str | None = None,
    fetch: bool = True,
) -> Weights:
    """Find, and fetch if need be, the weights of a CLIP.

    Args:
        model_name (str): Name of an open_clip model, ``local-dir:FOLDER`` or
            ``hf-hub:OWNER/REPO``.
        pretrained (str, optional): A tag of open_clip, or a weights file.
        cache_dir (str, optional): Where downloads are kept. Defaults to the
            cache of the hub (``HF_HOME``).
        fetch (bool): False asks for the facts of a tag only; the path is
            None then. Defaults to True.

    Returns:
        Weights: The file and the facts its tag holds.

    Raises:
        RuntimeError: If there is no such model, tag or file, or if the
            weights can neither be found nor downloaded.
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
            _reach_hub(identifier, ['open_clip_config.json'], cache_dir)
        return Weights(None)

    name = identifier.replace('/', '-')
    if name not in open_clip.list_models():
        raise RuntimeError(_unknown_model(name))
    if pretrained is None:
        return Weights(None)
    tag = get_pretrained_cfg(name, pretrained)
    if tag:
        path = None
        if fetch:
            path = _fetch_tag(name, pretrained, tag, cache_dir)
        preprocess = {k: tag[k] for k in PREPROCESS_KEYS if k in tag}
        return Weights(path, bool(tag.get('quick_gelu')), preprocess)
    if not fetch:
        return Weights(None)
    path = os.path.expanduser(pretrained)
    if not os.path.isfile(path):
        raise RuntimeError(_unknown_tag(name, pretrained))
    return Weights(path)


def read_config(model_name: str, cache_dir: str | None = None) -> dict:
    """Return open_clip's ``model_cfg`` of a model that exists.

    Args:
        model_name (str): As for :func:`find_weights`.
        cache_dir (str, optional): Where downloads are kept.
    """
    schema, identifier = parse_model_name(model_name)
    if schema != 'hf-hub':
        name = model_name if schema else identifier.replace('/', '-')
        return deepcopy(open_clip.get_model_config(name))
    path = download_pretrained_from_hf(
        identifier, filename='open_clip_config.json', cache_dir=cache_dir
    )
    return json.loads(Path(path).read_text(encoding='utf-8'))['model_cfg']


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
        _reach_hub(tower, ['config.json'], None)
    tokenizer = text_cfg.get('hf_tokenizer_name')
    # open_clip reads the tokenizer of a folder from that very folder.
    in_folder = parse_model_name(model_name)[0] == 'local-dir'
    if tokenizer and not in_folder and not os.path.isdir(tokenizer):
        files = ['tokenizer_config.json', 'tokenizer.json', 'vocab.txt']
        _reach_hub(tokenizer, files, cache_dir)


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


def _fetch_tag(
    name: str, tag_name: str, tag: dict, cache_dir: str | None
) -> str:
    """Return the file of a tag, from the cache or from its source."""
    if 'file' in tag:
        return tag['file']
    hub = tag.get('hf_hub', '')
    try:
        if hub:
            repo, filename = os.path.split(hub)
            filename = filename or HF_WEIGHTS_NAME
            cached = _reach_hub(repo, _spellings(filename), cache_dir)
            return cached or download_pretrained_from_hf(
                repo, filename=filename, cache_dir=cache_dir
            )
        # urllib has no limit of its own.
        before = socket.getdefaulttimeout()
        socket.setdefaulttimeout(TIMEOUT)
        try:
            return download_pretrained_from_url(tag['url'], cache_dir)
        finally:
            socket.setdefaulttimeout(before)
    except (OSError, RuntimeError) as error:
        repo = f'https://huggingface.co/{os.path.dirname(hub)}'
        source = repo if hub else tag['url']
        # Nothing in the file shows that it needs QuickGELU.
        quick = f'{name}-quickgelu'
        hint = ''
        if tag.get('quick_gelu') and quick in open_clip.list_models():
            hint = f" and model_name='{quick}'"
        raise RuntimeError(
            f"The CLIP weights '{tag_name}' of '{name}' are not on this "
            f'machine and could not be downloaded.\n'
            f'  source: {source}\n'
            f'  fix: fetch the file where there is a network, copy it here '
            f"and set pretrained='<path of the file>'{hint}; or copy a "
            f'filled cache and set cache_dir (or HF_HOME).\n'
            f'  cause: {error}'
        ) from error


def _reach_hub(
    repo: str, filenames: list[str], cache_dir: str | None
) -> str | None:
    """Return a cached file, or None if the hub can be asked for it.

    Raises:
        RuntimeError: If nothing is cached and the hub does not answer.
    """
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError

    for filename in filenames:
        found = hub.try_to_load_from_cache(repo, filename, cache_dir=cache_dir)
        if isinstance(found, str):
            return found
    url = hub.hf_hub_url(repo, filenames[0])
    try:
        # One attempt: the hub's own download retries for most of a minute.
        hub.get_hf_file_metadata(url, timeout=TIMEOUT)
    except HfHubHTTPError:
        return None  # It answered; the download itself words the problem.
    except Exception as error:
        raise RuntimeError(
            f"'{repo}' is not cached on this machine and {url} cannot be "
            f'reached: {error}. Fetch the repository where there is a '
            'network (`hf download '
            f'{repo}`) and copy the cache folder here (HF_HOME).'
        ) from error
    return None


def _spellings(filename: str) -> list[str]:
    """Names under which open_clip searches a file, preferred first."""
    if filename == HF_WEIGHTS_NAME:
        return [HF_SAFE_WEIGHTS_NAME, filename]
    return [os.path.splitext(filename)[0] + '.safetensors', filename]


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
