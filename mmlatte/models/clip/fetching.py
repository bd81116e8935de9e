"""Fetching the files of a CLIP: one attempt, one error.

open_clip retries an unreachable hub for most of a minute per file.
"""

import os
import socket

from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME
from open_clip.pretrained import (
    download_pretrained_from_hf,
    download_pretrained_from_url,
)

from .weight_facts import published_differ

__all__ = ['fetch_tag', 'reach_hub']

#: Seconds until an unreachable host counts as unreachable.
TIMEOUT = 10


def fetch_tag(
    name: str, tag_name: str, tag: dict, cache_dir: str | None
) -> str:
    """Return the file of a tag, from the cache or from its source.

    Args:
        name (str): Of the architecture.
        tag_name (str): Of the weights.
        tag (dict): What open_clip knows of them.
        cache_dir (str, optional): Where downloads are kept.

    Raises:
        RuntimeError: If it is on neither; names source and fix.
    """
    if 'file' in tag:
        return tag['file']
    hub = tag.get('hf_hub', '')
    try:
        if hub:
            repo, filename = os.path.split(hub)
            filename = filename or HF_WEIGHTS_NAME
            cached = reach_hub(repo, _spellings(filename), cache_dir)
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
        # Nothing in the file shows how images are prepared for it, or that
        # it needs QuickGELU.
        hint = f", preprocess='{tag_name}'" if published_differ(name) else ''
        if tag.get('quick_gelu'):
            hint += ', quick_gelu=True'
        raise RuntimeError(
            f"The CLIP weights '{tag_name}' of '{name}' are not on this "
            f'machine and could not be downloaded.\n'
            f'  source: {source}\n'
            f'  fix: fetch the file where there is a network, copy it here '
            f"and set pretrained='<path of the file>'{hint}; or copy a "
            f'filled cache and set cache_dir (or HF_HOME).\n'
            f'  cause: {error}'
        ) from error


def reach_hub(
    repo: str, filenames: list[str], cache_dir: str | None
) -> str | None:
    """Return a cached file, or None if the hub can be asked for it.

    Args:
        repo (str): ``OWNER/NAME``.
        filenames (list[str]): Names of the file, preferred first.
        cache_dir (str, optional): Where downloads are kept.

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
