import hashlib
import json
from collections.abc import Sequence

from mmlatte.lmm.backends.choices.letters import LETTERS

from ..prompts import with_article
from ..sample_generator import sample_generator
from .closed_options import NAMES, ClosedOptions

__all__ = ['ClosedTask']


class ClosedTask:
    """What is asked about a data set's images: the same of all of them.

    Args:
        class_names (Sequence[str]): All C classes.
        options (ClosedOptions): How they are asked about.
        letters (bool): Whether the answer is to be a letter.
        descriptions (Sequence[str]): (C,), a sentence about every class, or
            none at all.

    Examples:
        >>> task = ClosedTask(['forest', 'river'], ClosedOptions())
        >>> print(task.prompt(['river', 'forest']))
        Which of these does the photo show?
        - river
        - forest
        Answer with one of these names and nothing else.
    """

    def __init__(
        self,
        class_names: Sequence[str],
        options: ClosedOptions,
        letters: bool = False,
        descriptions: Sequence[str] = (),
    ) -> None:
        self.class_names = [*class_names]
        self.options = options
        self.letters = letters
        if descriptions and len(descriptions) != len(self.class_names):
            raise ValueError(
                f'{len(descriptions)} descriptions of '
                f'{len(self.class_names)} classes: give one for each, or none'
            )
        self.descriptions = dict(
            zip(self.class_names, descriptions, strict=False)
        )

    def order(self, sample_id: str, labels: Sequence[int]) -> list[str]:
        """Names of some classes in the order in which they are listed.

        It depends on the seed and the sample alone, so that every rerun asks
        the same question.
        """
        random = sample_generator(sample_id, self.options.seed)
        # Sorted: whoever listed the classes decides nothing.
        order = random.permutation(sorted(labels))
        return [self.class_names[label] for label in order]

    def prompt(self, names: Sequence[str]) -> str:
        """The question as a model reads it."""
        marks = [f'{x}.' for x in LETTERS] if self.letters else ['-'] * 20
        lines = []
        for mark, name in zip(marks, names, strict=False):
            about = self.descriptions.get(name)
            lines.append(f'{mark} {name}' + (f': {about}' if about else ''))
        options, listed = self.options, '\n'.join(lines)
        if options.prompt is not None:
            return options.prompt.replace(NAMES, listed)
        shown = f'does the {options.describe} show'
        if options.images > 1:
            shown = (
                f'do the pictures, each of them '
                f'{with_article(options.describe)}, have in common'
            )
        end = 'Answer with one of these names and nothing else.'
        if self.letters:
            end = 'Answer with the letter and nothing else.'
        return f'Which of these {shown}?\n{listed}\n{end}'

    def key(self, prompt: str) -> str:
        """What an answer is stored under: all that decides it."""
        return f'{prompt}\n{json.dumps({"task": self.identity})}'

    @property
    def identity(self) -> str:
        """Stands for classes, descriptions and way of asking."""
        content = [
            self.class_names,
            self.descriptions,
            self.letters,
            repr(self.options),
        ]
        digest = hashlib.blake2b(json.dumps(content).encode(), digest_size=6)
        return digest.hexdigest()
