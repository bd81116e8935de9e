"""What adapting to a folder will do and cost, before it is done."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mmlatte.lmm import QuestionTokens

__all__ = ['AdaptPlan']

#: Parts that processes share.
SHARED = ('frozen features', 'texts', 'training')


@dataclass
class AdaptPlan:
    """Counts, settings and estimates.

    Args:
        images (int): Images in the folder.
        classes (Sequence[str]): Class names.
        clip (str): Which CLIP.
        encoder (str): Which second encoder, '' for none.
        lmm (str): Which LMM, '' for none.
        texts (int): Texts that the LMM writes at most, over all calls.
        texts_left (int): Those that are not in the store yet.
        batch_size (int): Images per step.
        epochs (int): Passes over the images; 0 for a fit without steps.
        lr (float | None): None: found without labels before training.
        device (str): Where.
        seconds (dict[str, float]): Estimated seconds of every part, with one
            process.
        bytes (dict[str, int]): Estimated bytes that every part still takes
            on disk, beside what an earlier call left there.
        free (int): Bytes that are free there.
        out (str): Folder of the results.
        pixels (str): How their values become visible, '' for 8 bits.
        left_out (str): Files of the folder that are left out, '' for none.
        tokens (Mapping[str, QuestionTokens]): What the LMM reads for a
            question about ``'an image'`` and about ``'a collage'``.
        questions (int): That the LMM answers at most, over all calls.
        processes (int): That share features, texts and training.
    """

    images: int
    classes: Sequence[str]
    clip: str
    lmm: str
    texts: int
    texts_left: int
    batch_size: int
    epochs: int
    lr: float | None
    device: str
    seconds: dict[str, float]
    bytes: dict[str, int]
    free: int
    out: str
    pixels: str = ''
    left_out: str = ''
    tokens: Mapping[str, QuestionTokens] = field(default_factory=dict)
    questions: int = 0
    processes: int = 1
    encoder: str = ''

    def __str__(self) -> str:
        steps = self.epochs * -(-self.images // self.batch_size)
        names = ', '.join(self.classes[:5])
        if len(self.classes) > 5:
            names += ', ...'
        lr = f'{self.lr:g}' if self.lr else 'found without labels'
        lmm = f'{self.lmm}: up to {self.texts:,} texts'
        training = (
            f'{self.epochs} epochs of {self.batch_size} images a step, '
            f'{steps:,} steps, learning rate {lr}, on {self.device}'
        )
        if not self.lmm:
            lmm = 'none: class texts only'
        elif not self.texts_left:
            lmm = f'{self.lmm}: its texts are there, nothing to write'
        elif self.texts_left < self.texts:
            lmm += f', {self.texts_left:,} of them still to write'
        if self.questions:
            asked = (
                f'answers up to {self.questions:,} questions, an image each'
            )
            lmm = f'{lmm}; {asked}' if self.texts_left else asked
        if not self.epochs:
            training = 'none: a fit to the features of frozen CLIP'
        if self.processes > 1:
            training += f'; {self.processes} processes share the work'
        seconds = {
            part: value / (self.processes if part in SHARED else 1)
            for part, value in self.seconds.items()
        }
        times = [f'{k} {_duration(v)}' for k, v in seconds.items()]
        sizes = [f'{k} {_size(v)}' for k, v in self.bytes.items()]
        reads = [
            f'reads       {_tokens(kind, count)}'
            for kind, count in self.tokens.items()
        ]
        lines = [
            f'images      {self.images:,}',
            *[f'left out    {self.left_out}'] * bool(self.left_out),
            *[f'pixels      {self.pixels}'] * bool(self.pixels),
            f'classes     {len(self.classes)}: {names}',
            f'CLIP        {self.clip}',
            *[f'and         {self.encoder}'] * bool(self.encoder),
            f'LMM         {lmm}',
            *reads,
            f'training    {training}',
            f'time        about {_duration(sum(seconds.values()))}: '
            + ', '.join(times),
            f'disk        about {_size(sum(self.bytes.values()))} of '
            f'{_size(self.free)} free: {", ".join(sizes) or "all is there"}',
            f'results in  {self.out}',
        ]
        return '\n'.join(lines)

    def check(self) -> None:
        """Stop before the disk is full.

        Raises:
            OSError: If the estimate does not fit.
        """
        needed = sum(self.bytes.values())
        if needed > self.free:
            raise OSError(
                f'{self.out}: about {_size(needed)} are needed and '
                f'{_size(self.free)} are free; give another --out'
            )


def _tokens(kind: str, count: QuestionTokens) -> str:
    if count.visual is None:
        return f'{count.total:,} tokens for {kind} and the question'
    return (
        f'{count.visual:,} visual tokens for {kind}, {count.total:,} tokens '
        'with the question'
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f'{seconds:.0f} s'
    if seconds < 5400:
        return f'{seconds / 60:.0f} min'
    return f'{seconds / 3600:.1f} h'


def _size(count: float) -> str:
    for unit in ('B', 'kB', 'MB', 'GB'):
        if count < 1000:
            return f'{count:.0f} {unit}'
        count /= 1000
    return f'{count:.1f} TB'
