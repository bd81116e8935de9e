"""What a server is sent, without what it refuses."""

import re
import threading
from typing import Any

from mmengine.logging import print_log

__all__ = ['RequestBody']

#: Fields that a text can be had without, and the one in its place.
REPLACED = {
    'seed': None,
    'temperature': None,
    'max_tokens': 'max_completion_tokens',
    'max_completion_tokens': 'max_tokens',
}


class RequestBody:
    """Makes the fields of a chat completion.

    Hosted models refuse some fields: another seed than theirs, a temperature
    of 0, ``max_tokens``. A field that an error names is left out from then
    on, or sent under its other name.

    Args:
        model (str): Name of the model on the server.
        max_tokens_key (str): Name of the field that limits the answer.
        extra (dict): More fields, which are never left out.
    """

    def __init__(self, model: str, max_tokens_key: str, extra: dict) -> None:
        self.model = model
        self.extra = extra
        self._max_tokens_key = max_tokens_key
        self._refused: set[str] = set()
        self._lock = threading.Lock()

    def make(
        self,
        content: list[dict],
        max_tokens: int,
        temperature: float,
        seed: int,
    ) -> dict[str, Any]:
        """Return the arguments of ``chat.completions.create``.

        Args:
            content (list[dict]): Parts of the message.
            max_tokens (int): Longest answer.
            temperature (float): 0 for the best guess.
            seed (int): Of sampling.
        """
        fields = {
            'model': self.model,
            'messages': [{'role': 'user', 'content': content}],
            self._max_tokens_key: max_tokens,
            'temperature': temperature,
            'seed': seed,
            'extra_body': self.extra,
        }
        return {k: v for k, v in fields.items() if k not in self._refused}

    def leave_out(self, problem: str, sent: dict[str, Any]) -> bool:
        """Learn from an error which field a server refuses.

        Args:
            problem (str): The server's words.
            sent (dict[str, Any]): What it was sent.

        Returns:
            bool: Whether it is worth sending again, since a field that was
            sent is named and now left out.
        """
        # The longest name first: one holds the other.
        for name in sorted(REPLACED, key=len, reverse=True):
            if name in sent and re.search(rf'\b{name}\b', problem):
                return self._drop(name, problem)
        return False

    def _drop(self, name: str, problem: str) -> bool:
        with self._lock:
            if name in self._refused:
                # Another request found out; this one was sent before.
                return True
            other = REPLACED[name]
            if other in self._refused:
                return False
            self._refused.add(name)
            if other is not None:
                self._max_tokens_key = other
        print_log(
            f'{self.model}: the server refuses {name}, which is '
            f'{f"sent as {other}" if other else "left out"} from now on: '
            f'{problem}',
            'current',
            level=30,
        )
        return True
