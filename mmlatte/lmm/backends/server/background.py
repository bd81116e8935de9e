"""Coroutines beside code that is not asynchronous."""

import asyncio
import queue
import threading
from collections.abc import Coroutine
from typing import Any

__all__ = ['Background', 'get', 'run']


class Background:
    """A coroutine in a thread with an event loop of its own."""

    def __init__(self, work: Coroutine) -> None:
        self.error: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(work)
        self.thread = threading.Thread(target=self._main, daemon=True)

    def _main(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except BaseException as error:
            self.error = error
        finally:
            self._loop.run_until_complete(
                self._loop.shutdown_default_executor()
            )
            self._loop.close()

    def stop(self) -> None:
        """Cancel what is under way and wait for the end."""
        if self.thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
        self.thread.join()


def run(work: Coroutine) -> Any:
    """Run a coroutine to its end, also where an event loop is running."""
    result: list = []

    async def keep() -> None:
        result.append(await work)

    background = Background(keep())
    background.thread.start()
    background.thread.join()
    if background.error is not None:
        raise background.error
    return result[0]


def get(results: queue.Queue, filling: Background) -> Any:
    """The next item of a queue; None when there will be no more.

    Args:
        results (queue.Queue): What the coroutine fills.
        filling (Background): The coroutine.
    """
    while True:
        # Before the queue is read, so that no answer is missed.
        over = not filling.thread.is_alive()
        try:
            return results.get(timeout=0.05 if not over else 0)
        except queue.Empty:
            if over:
                return None
