"""What the runs of a method came to."""

import statistics
from dataclasses import dataclass

__all__ = ['MARKS', 'MethodResult', 'RunResult']

#: What a run wrote that is no plain, inductive, self-made result.
MARKS = {
    'transductive': (
        'T',
        'transductive: fitted on the images it is tested on',
    ),
    'teacher': ('S', 'helped by a stronger model'),
    'uses_lmm': ('L', 'uses texts of a language model'),
    'second_encoder': ('E', 'sees images through a second encoder, too'),
}


@dataclass
class RunResult:
    """The result of one run of a method.

    Args:
        seed (int): Its seed.
        summary (dict | None): Its ``summary.json``; None if it failed.
        error (str | None): The last error line, if it failed.
        folder (str): Its work folder.
    """

    seed: int
    summary: dict | None
    error: str | None = None
    folder: str = ''


@dataclass
class MethodResult:
    """The runs of a method, one per seed.

    Args:
        name (str): Its row.
        runs (list[RunResult]): The runs.
        curve (str): Its line in the figure of accuracy against answers.
        level (bool): Whether that line is a level: it takes all labels.
    """

    name: str
    runs: list[RunResult]
    curve: str = ''
    level: bool = False

    def values(self, key: str) -> list:
        """Return the values of a key in the summaries of the runs."""
        known = [run.summary.get(key) for run in self.runs if run.summary]
        return [value for value in known if value is not None]

    def mean(self, key: str) -> float | None:
        """Return the mean over the runs; None if no run has a value."""
        values = self.values(key)
        return statistics.fmean(values) if values else None

    def deviation(self, key: str) -> float | None:
        """Return the sample deviation over the runs; None for one run."""
        values = self.values(key)
        return statistics.stdev(values) if len(values) > 1 else None

    def per_class(self) -> dict[str, float]:
        """Return the mean accuracy of every class that has test images."""
        tables = self.values('per_class')
        names = tables[0] if tables else ()
        columns = {
            n: [t[n] for t in tables if t.get(n) is not None] for n in names
        }
        return {n: statistics.fmean(v) for n, v in columns.items() if v}

    @property
    def answers(self) -> float | None:
        """float: Answers that a run used; None if no run tells."""
        counts = [sum(given.values()) for given in self.values('answers')]
        return statistics.fmean(counts) if counts else None

    @property
    def marks(self) -> str:
        """str: Letters of `MARKS` that apply."""
        facts = dict((self.values('method') or [{}])[0])
        facts['second_encoder'] = self.values('second_encoder')
        return ''.join(m for key, (m, _) in MARKS.items() if facts.get(key))

    @property
    def is_zero_shot(self) -> bool:
        """bool: Whether this is CLIP as it is."""
        facts = (self.values('method') or [{}])[0]
        return facts.get('name') == 'ZeroShotCLIP' and not self.marks
