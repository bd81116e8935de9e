"""Images that are decoded in threads while a model answers."""

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from .base_lmm import Answer, LMMRequest
from .load_image import ImageError

__all__ = ['image_windows', 'split_readable']

Request = TypeVar('Request', bound=LMMRequest)
#: Requests whose images load or are loaded.
Window = list[tuple[Request, Future]]


def image_windows(
    requests: Iterable[Request], pool: ThreadPoolExecutor, size: int
) -> Iterator[Window[Request]]:
    """Windows of requests whose images load while others are answered.

    Args:
        requests (Iterable[LMMRequest]): Read two windows ahead.
        pool (ThreadPoolExecutor): Loads the images.
        size (int): Requests in a window.
    """
    source = iter(requests)
    ahead: deque[Window[Request]] = deque()
    while True:
        while len(ahead) < 2:
            window = [
                (request, pool.submit(request.load))
                for request in itertools.islice(source, size)
            ]
            if not window:
                break
            ahead.append(window)
        if not ahead:
            return
        yield ahead.popleft()


def split_readable(window: Window[LMMRequest]) -> tuple[list, list]:
    """Split a window into decoded images and answers for broken ones."""
    good, bad = [], []
    for request, future in window:
        try:
            good.append((request, future.result()))
        except ImageError as error:
            bad.append(Answer(request, error=f'image: {error}', final=True))
    return good, bad
