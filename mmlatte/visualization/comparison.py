"""Tables of methods side by side: Markdown, CSV and HTML."""

import csv
import io
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from .page import write_page

__all__ = ['MethodResult', 'RunResult', 'write_comparison']

TEMPLATE = Path(__file__).with_name('comparison.html')

#: What a run wrote that is no plain, inductive, self-made result.
MARKS = {
    'transductive': (
        'T',
        'transductive: fitted on the images it is tested on',
    ),
    'teacher': ('S', 'helped by a stronger model'),
    'uses_lmm': ('L', 'uses texts of a language model'),
}
HEAD = (
    'method',
    'marks',
    'top-1',
    'gain over zero-shot',
    'own start',
    'training s',
    'whole run s',
    'memory MB',
    'trained parameters',
    'runs',
)


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
    """The runs of a method, one per seed."""

    name: str
    runs: list[RunResult]

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
    def marks(self) -> str:
        """str: Letters of `MARKS` that apply."""
        facts = (self.values('method') or [{}])[0]
        return ''.join(m for key, (m, _) in MARKS.items() if facts.get(key))

    @property
    def is_zero_shot(self) -> bool:
        """bool: Whether this is CLIP as it is."""
        facts = (self.values('method') or [{}])[0]
        return facts.get('name') == 'ZeroShotCLIP' and not self.marks


def write_comparison(
    results: Sequence[MethodResult], out: str | Path, command: str
) -> str:
    """Write ``comparison.md``, ``.csv`` and ``.html``.

    The gain counts from the first row that is plain zero-shot CLIP; without
    one, from where each method started.

    Args:
        results (Sequence[MethodResult]): The methods, in the wanted order.
        out (str | Path): Folder.
        command (str): What made the table, to be printed below it.

    Returns:
        str: The Markdown.
    """
    out = Path(out)
    rows = [_row(result, _zero_shot(results, result)) for result in results]
    classes = _class_rows(results)
    notes = _notes(results, command)
    texts = {
        'md': _markdown(rows, classes, notes),
        'csv': _csv(results),
        'html': _html(rows, classes, notes),
    }
    for suffix, text in texts.items():
        write_page(out / f'comparison.{suffix}', text)
    return texts['md']


def _zero_shot(
    results: Sequence[MethodResult], result: MethodResult
) -> float | None:
    for other in results:
        if other.is_zero_shot:
            return other.mean('top1')
    return result.mean('zero_shot_top1')


def _row(result: MethodResult, zero_shot: float | None) -> list[str]:
    top1, deviation = result.mean('top1'), result.deviation('top1')
    gain = None if None in (top1, zero_shot) else top1 - zero_shot
    count = len(result.values('top1'))
    return [
        result.name,
        result.marks,
        _show(top1, '.2f')
        + ('' if deviation is None else f' ± {deviation:.2f}'),
        _show(gain, '+.2f'),
        _show(result.mean('zero_shot_top1'), '.2f'),
        _show(result.mean('train_seconds'), '.1f'),
        _show(result.mean('wall_seconds'), '.0f'),
        _show(result.mean('peak_memory_mb'), '.0f'),
        _show(result.mean('trained_parameters'), ',.0f'),
        f'{count}'
        if count == len(result.runs)
        else f'{count} of {len(result.runs)}',
    ]


def _show(value: float | None, form: str) -> str:
    return '' if value is None else format(value, form)


def _class_rows(results: Sequence[MethodResult]) -> list[list[str]]:
    """Head and a row per class; nothing if no run has classes."""
    columns = [result.per_class() for result in results]
    names = list(dict.fromkeys(name for c in columns for name in c))
    if not names:
        return []
    rows = [[n, *(_show(c.get(n), '.1f') for c in columns)] for n in names]
    return [['class', *_short([result.name for result in results])], *rows]


def _short(names: Sequence[str]) -> list[str]:
    """Drop the words that all names end with (``_rsclip_eurosat``)."""
    words = [name.split('_') for name in names]
    while (
        len(words) > 1
        and min(map(len, words)) > 1
        and len({w[-1] for w in words}) == 1
    ):
        words = [w[:-1] for w in words]
    return ['_'.join(w) for w in words]


def _notes(results: Sequence[MethodResult], command: str) -> list[str]:
    used = ''.join(result.marks for result in results)
    notes = [f'{m}: {why}.' for m, why in MARKS.values() if m in used]
    notes.append(
        'Top-1 in percent after the last epoch, mean and sample deviation '
        'over the seeds. '
        + (
            'The gain counts from the first zero-shot row.'
            if any(result.is_zero_shot for result in results)
            else 'The gain counts from where each method started.'
        )
    )
    for result in results:
        for run in result.runs:
            if run.error:
                notes.append(
                    f'{result.name}, seed {run.seed} failed: {run.error}'
                )
    return [*notes, f'Made with: {command}']


def _markdown(rows, classes, notes) -> str:
    parts = [_markdown_table(HEAD, rows)]
    if classes:
        parts.append('Accuracy per class, percent:')
        parts.append(_markdown_table(classes[0], classes[1:]))
    parts.append('\n'.join(f'- {note}' for note in notes))
    return '\n\n'.join(parts) + '\n'


def _markdown_table(head, rows) -> str:
    def line(cells) -> str:
        return '| ' + ' | '.join(c.replace('|', r'\|') for c in cells) + ' |'

    ruler = '|---|' + '---:|' * (len(head) - 1)
    return '\n'.join([line(head), ruler, *map(line, rows)])


def _csv(results: Sequence[MethodResult]) -> str:
    """One row per run, unrounded, for further work."""
    names = list(
        dict.fromkeys(n for result in results for n in result.per_class())
    )
    keys = (
        'top1',
        'zero_shot_top1',
        'pseudo_label_top1',
        'train_seconds',
        'wall_seconds',
        'peak_memory_mb',
        'trained_parameters',
    )
    file = io.StringIO()
    writer = csv.writer(file, lineterminator='\n')
    writer.writerow(
        ['method', 'marks', 'seed', *keys, 'error', 'folder']
        + [f'class: {name}' for name in names]
    )
    for result in results:
        for run in result.runs:
            summary = run.summary or {}
            classes = summary.get('per_class') or {}
            writer.writerow(
                [result.name, result.marks, run.seed]
                + [summary.get(key) for key in keys]
                + [run.error, run.folder]
                + [classes.get(name) for name in names]
            )
    return file.getvalue()


def _html(rows, classes, notes) -> str:
    parts = [_html_table(HEAD, rows)]
    if classes:
        parts.append('<h2>Accuracy per class, percent</h2>')
        parts.append(_html_table(classes[0], classes[1:]))
    items = ''.join(f'<li>{escape(note)}</li>' for note in notes)
    parts.append(f'<ul>{items}</ul>')
    page = TEMPLATE.read_text(encoding='utf-8')
    return page.replace('@BODY@', '\n'.join(parts))


def _html_table(head, rows) -> str:
    def line(cells, tag: str) -> str:
        return ''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)

    body = ''.join(f'<tr>{line(row, "td")}</tr>' for row in rows)
    return (
        '<div class="scroll"><table>'
        f'<thead><tr>{line(head, "th")}</tr></thead>'
        f'<tbody>{body}</tbody></table></div>'
    )
