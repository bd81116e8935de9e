from collections.abc import Sequence
from dataclasses import dataclass, field

from mmlatte.fits.answers import AccuracyEstimate

__all__ = ['Contradiction', 'FolderFit']


@dataclass
class Contradiction:
    """An answer that the fit does not believe.

    Args:
        id (str): Sample id.
        answer (str): What was answered; it stays the prediction.
        fit (str): What the fit says.
    """

    id: str
    answer: str
    fit: str


@dataclass
class FolderFit:
    """What a few answers tell about all images of a folder.

    Args:
        classes (Sequence[str]): Class names.
        predictions (dict[str, str]): Sample id -> class name or ``NONE``; of
            answered images, the answer.
        answered (dict[str, str]): Sample id -> who answered.
        missing (Sequence[str]): Classes that neither an answer nor a
            prediction names.
        contradicted (Sequence[Contradiction]): Answers to look at again, the
            surest contradiction first.
        estimate (AccuracyEstimate, optional): Of the predictions' accuracy;
            None with fewer than five answers per class.
        out (str): Folder of the results; ``adapt(images, classes, out=out)``
            writes report and exports of this fit there.
    """

    classes: Sequence[str]
    predictions: dict[str, str]
    answered: dict[str, str]
    missing: Sequence[str] = ()
    contradicted: Sequence[Contradiction] = field(default_factory=list)
    estimate: AccuracyEstimate | None = None
    out: str = ''

    def __str__(self) -> str:
        lines = [
            f'{len(self.predictions)} images by {len(self.answered)} answers'
        ]
        if self.estimate is not None:
            e = self.estimate
            lines.append(
                f'estimated accuracy {e.mean:.0%} '
                f'({e.low:.0%} to {e.high:.0%})'
            )
        if self.contradicted:
            lines.append(f'{len(self.contradicted)} answers to look at again')
        if self.missing:
            lines.append('never predicted: ' + ', '.join(self.missing))
        return '\n'.join(lines)
