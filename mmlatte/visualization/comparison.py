"""Tables of methods side by side: Markdown, CSV and HTML; a figure."""

import csv
import io
from collections.abc import Sequence
from html import escape
from pathlib import Path

from .answers_figure import answers_figure
from .method_result import MARKS, MethodResult, RunResult
from .page import write_page

__all__ = ['MethodResult', 'RunResult', 'write_comparison']

TEMPLATE = Path(__file__).with_name('comparison.html')

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


def write_comparison(
    results: Sequence[MethodResult], out: str | Path, command: str
) -> str:
    """Write ``comparison.md``, ``.csv`` and ``.html``.

    Where methods got answers, also ``comparison.svg``. The gain counts from
    the first row that is plain zero-shot CLIP; without one, from where each
    method started.

    Args:
        results (Sequence[MethodResult]): The methods, in the wanted order.
        out (str | Path): Folder.
        command (str): What made the table, to be printed below it.

    Returns:
        str: The Markdown.
    """
    out = Path(out)
    answered = any(result.answers for result in results)
    head = [*HEAD]
    rows = [_row(result, _zero_shot(results, result)) for result in results]
    if answered:
        head.insert(1, 'answers')
        for row, result in zip(rows, results, strict=True):
            row.insert(1, _show(result.answers, ',.0f'))
    classes = _class_rows(results)
    notes = _notes(results, command)
    texts = {
        'md': _markdown(head, rows, classes, notes),
        'csv': _csv(results),
    }
    figure = _figure(results) if answered else ''
    texts['html'] = _html(head, rows, classes, notes, figure)
    if figure:
        texts['svg'] = figure
    for suffix, text in texts.items():
        write_page(out / f'comparison.{suffix}', text)
    return texts['md']


def _figure(results: Sequence[MethodResult]) -> str:
    """Draw accuracy against answers."""
    curves: dict[str, list[tuple[float, float]]] = {}
    level = None
    for result in results:
        top1 = result.mean('top1')
        if top1 is None or not result.curve:
            continue
        if result.level:
            level = result.name, top1
        else:
            point = (result.answers or 0, top1)
            curves.setdefault(result.curve, []).append(point)
    names = _short([*curves])
    lines = zip(names, curves.values(), strict=True)
    return answers_figure(dict(lines), level)


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
    given = dict.fromkeys(
        who for r in results for each in r.values('answers') for who in each
    )
    if given:
        notes.append(
            f'Answers and labels are {", ".join(given)}: those of the '
            'training images.'
        )
    for result in results:
        for run in result.runs:
            if run.error:
                notes.append(
                    f'{result.name}, seed {run.seed} failed: {run.error}'
                )
    return [*notes, f'Made with: {command}']


def _markdown(head, rows, classes, notes) -> str:
    parts = [_markdown_table(head, rows)]
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
        'answers',
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
            values = {**summary, 'answers': None}
            if 'answers' in summary:
                values['answers'] = sum(summary['answers'].values())
            writer.writerow(
                [result.name, result.marks, run.seed]
                + [values.get(key) for key in keys]
                + [run.error, run.folder]
                + [classes.get(name) for name in names]
            )
    return file.getvalue()


def _html(head, rows, classes, notes, figure) -> str:
    parts = [figure] if figure else []
    parts.append(_html_table(head, rows))
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
