from dataclasses import dataclass

from ..base_lmm import LMMRequest
from .letters import LETTERS

__all__ = ['ClosedQuestion']


@dataclass(frozen=True)
class ClosedQuestion(LMMRequest):
    """A question whose answer is one of several names.

    Args:
        names (tuple[str, ...]): In the order in which the prompt lists them.
        letters (bool): Whether the prompt asks for a letter: ``A`` is the
            first name.
        normalise (bool): Whether a name's log-likelihood is divided by its
            number of tokens; else short names win.
        prior (bool): Whether the log-likelihood on a blank image is taken
            off; else common words win.
    """

    names: tuple[str, ...] = ()
    letters: bool = False
    normalise: bool = True
    prior: bool = True

    def __post_init__(self) -> None:
        if len(self.names) < 2 or len(set(self.names)) < len(self.names):
            raise ValueError(
                f'names={self.names}: a closed question needs two names or '
                'more, each once'
            )
        if self.letters and len(self.names) > len(LETTERS):
            raise ValueError(
                f'{len(self.names)} names for {len(LETTERS)} letters: ask '
                'about fewer names'
            )
