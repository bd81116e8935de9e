"""The report of a run: one self-contained HTML page."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

import numpy as np

from .class_counts import accuracy, confusion, per_class_accuracy
from .page import write_page
from .report_images import (
    ImageSection,
    ReportImage,
    images_html,
    review_html,
)
from .run_figures import (
    confusion_figure,
    curves_figure,
    per_class_figure,
)

__all__ = ['RunReport', 'write_run_report']

#: More classes than this are not drawn one by one.
MAX_BARS = 30
#: Title, unit of the horizontal axis and logged values of every figure.
CURVES = (
    ('Loss', 'iteration', ('loss', 'loss_zero_shot', 'loss_finetuned')),
    ('Agreement of the two pseudo-labels', 'iteration', ('agreement',)),
    ('Share of every text kind in the mix', 'iteration', ('mix_*',)),
    ('Logit scale', 'iteration', ('logit_scale',)),
    ('Accuracy on the evaluation images, %', 'epoch', ('accuracy/top1',)),
)


@dataclass
class RunReport:
    """What a report shows.

    Args:
        title (str): Heading.
        facts (Mapping[str, str]): What the run was, and what it cost.
        classes (Sequence[str]): Names of the C classes.
        frozen (np.ndarray): int (N,), classes under the frozen CLIP.
        adapted (np.ndarray): int (N,), classes under the adapted model.
        labels (np.ndarray | None): int (N,), true classes if known.
        about_images (str): Which images these are.
        curves (Mapping): Name -> (steps, values), as logged.
        drift (np.ndarray | None): (C,), 1 - cosine of a class's prototype and
            the frozen CLIP's class text; None where they are no match.
        changed (Sequence[ReportImage]): Images that changed most.
        uncertain (Sequence[ReportImage]): Least certain images.
        about_shown (str): Which images those two were chosen from.
        review (Sequence[ImageSection]): Images for a person to look at.
        learning (Sequence[tuple[int, float]]): Numbers of answers and the
            accuracy with so many; the last are still to come.
    """

    title: str
    facts: Mapping[str, str]
    classes: Sequence[str]
    frozen: np.ndarray
    adapted: np.ndarray
    labels: np.ndarray | None
    about_images: str
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    drift: np.ndarray | None
    changed: Sequence[ReportImage] = ()
    uncertain: Sequence[ReportImage] = ()
    about_shown: str = ''
    review: Sequence[ImageSection] = ()
    learning: Sequence[tuple[int, float]] = ()


def write_run_report(path: str | Path, report: RunReport) -> None:
    """Write the page.

    Names and texts are escaped, nothing is fetched, no script runs.

    Args:
        path (str | Path): The HTML file.
        report (RunReport): What to show.
    """
    body = [
        f'<h1>{escape(report.title)}</h1>',
        f'<p class="soft">{escape(report.about_images)}</p>',
        _headline(report),
        *_learning(report),
        *_accuracy(report),
        *_curves(report),
        *_flips(report),
        *_drift(report),
        *review_html(report.review),
        *(
            line
            for title, images in (
                ('Images that changed most', report.changed),
                ('Least certain images', report.uncertain),
            )
            for line in images_html(title, report.about_shown, images)
        ),
        '<h2>The run</h2>',
        _table(['', ''], [[k, v] for k, v in report.facts.items()]),
    ]
    template = files(__package__).joinpath('run_report.html')
    page = template.read_text(encoding='utf-8')
    page = page.replace('@TITLE@', escape(report.title))
    write_page(path, page.replace('@BODY@', '\n'.join(body)))


def _headline(report: RunReport) -> str:
    flips = float(np.mean(report.frozen != report.adapted))
    facts = [
        ('images', f'{len(report.adapted):,}', ''),
        ('classes', f'{len(report.classes):,}', ''),
    ]
    if report.labels is not None:
        before = accuracy(report.frozen, report.labels)
        after = accuracy(report.adapted, report.labels)
        kind = 'good' if after >= before else 'bad'
        facts += [
            ('zero-shot accuracy', f'{before:.2f} %', ''),
            ('adapted accuracy', f'{after:.2f} %', ''),
            ('gain in points', f'{after - before:+.2f}', kind),
        ]
    if len(report.learning) > 1:
        estimate = report.learning[-2][1]
        facts.append(('estimated accuracy', f'{100 * estimate:.0f} %', ''))
    facts.append(('images that changed class', f'{100 * flips:.1f} %', ''))
    cards = [
        f'<div class="card fact"><b class="{kind}">{escape(value)}</b>'
        f'<span>{escape(name)}</span></div>'
        for name, value, kind in facts
    ]
    return f'<div class="row">{"".join(cards)}</div>'


def _accuracy(report: RunReport) -> list[str]:
    if report.labels is None:
        return []
    count = len(report.classes)
    before, after = (
        per_class_accuracy(p, report.labels, count)
        for p in (report.frozen, report.adapted)
    )
    order = [i for i in np.argsort(after - before) if after[i] == after[i]]
    about = 'sorted by the change.'
    if len(order) > MAX_BARS:
        half = MAX_BARS // 2
        order = order[:half] + order[-half:]
        about = f'the {half} classes that lost and that gained most.'
    bars = per_class_figure(
        [report.classes[i] for i in order],
        {'zero-shot': before[order], 'adapted': after[order]},
        'accuracy, %',
    )
    matrices = [
        _figure(
            confusion_figure(
                confusion(report.labels, predicted, count),
                report.classes,
                'true class',
                f'class by {name}',
            ),
            f'Confusion of {name}; a row sums to 100 %.',
        )
        for name, predicted in (
            ('zero-shot CLIP', report.frozen),
            ('the adapted model', report.adapted),
        )
    ]
    return [
        '<h2>Zero-shot against adapted</h2>',
        f'<p class="soft">Bars: {about} The labels are used here only.</p>',
        f'<div class="row">{"".join(matrices)}</div>',
        f'<div class="row">{_figure(bars)}</div>',
    ]


def _curves(report: RunReport) -> list[str]:
    figures = []
    for title, xlabel, wanted in CURVES:
        found = {
            name: curve
            for name, curve in report.curves.items()
            if len(curve[0]) > 1
            and any(
                name == w or (w[-1] == '*' and name.startswith(w[:-1]))
                for w in wanted
            )
        }
        if found:
            figure = curves_figure(found, xlabel=xlabel)
            figures.append(_figure(figure, title))
    if not figures:
        return []
    return ['<h2>Training</h2>', f'<div class="row">{"".join(figures)}</div>']


def _flips(report: RunReport) -> list[str]:
    moved = report.frozen != report.adapted
    pairs = Counter(
        zip(
            report.frozen[moved].tolist(),
            report.adapted[moved].tolist(),
            strict=True,
        )
    )
    if not pairs:
        return [
            '<h2>Flips</h2>',
            '<p class="soft">No image changed class.</p>',
        ]
    rows = []
    for (old, new), count in pairs.most_common(12):
        row = [report.classes[old], report.classes[new], f'{count}']
        if report.labels is not None:
            here = (report.frozen == old) & (report.adapted == new)
            truth = report.labels[here]
            row += [f'{np.sum(truth == new)}', f'{np.sum(truth == old)}']
        rows.append(row)
    head = ['zero-shot', 'adapted', 'images']
    if report.labels is not None:
        head += ['now right', 'were right']
    matrix = confusion_figure(
        confusion(report.frozen, report.adapted, len(report.classes)),
        report.classes,
        'zero-shot class',
        'adapted class',
    )
    return [
        '<h2>Flips between classes</h2>',
        f'<div class="row">{_table(head, rows, numbers=3)}'
        f'{_figure(matrix, "Where the images of a zero-shot class went.")}'
        '</div>',
    ]


def _drift(report: RunReport) -> list[str]:
    if report.drift is None:
        return []
    order = np.argsort(-report.drift)[:MAX_BARS]
    bars = per_class_figure(
        [report.classes[i] for i in order],
        {'drift': report.drift[order]},
        '1 − cosine to the class text of the frozen CLIP',
    )
    return ['<h2>How far the prototypes moved</h2>', _figure(bars)]


def _learning(report: RunReport) -> list[str]:
    """Draw the learning curve, and say what more answers would bring."""
    if len(report.learning) < 2:
        return []
    counts, values = zip(*report.learning, strict=True)
    gain = 100 * (values[-1] - values[-2])
    figure = curves_figure(
        {'accuracy': (counts, [100 * v for v in values])},
        ylabel='estimated accuracy, %',
        xlabel='answers',
        marked=True,
    )
    return [
        '<h2>What more answers would bring</h2>',
        f'<p class="soft">Estimated from the answers: '
        f'{100 * values[-2]:.0f} % with {counts[-2]}, and {gain:+.1f} points '
        f'with {counts[-1] - counts[-2]} more.</p>',
        f'<div class="row">{_figure(figure)}</div>',
    ]


def _figure(svg: str, caption: str = '') -> str:
    note = f'<figcaption>{escape(caption)}</figcaption>' if caption else ''
    return f'<figure class="card">{svg}{note}</figure>'


def _table(
    head: Sequence[str], rows: Sequence[Sequence[str]], numbers: int = 99
) -> str:
    """Table; columns from the ``numbers``-th on hold numbers (1 = first)."""

    def cells(row: Sequence[str], tag: str) -> str:
        return ''.join(
            f'<{tag}{" class=n" if i + 1 >= numbers else ""}>'
            f'{escape(cell)}</{tag}>'
            for i, cell in enumerate(row)
        )

    top = f'<tr>{cells(head, "th")}</tr>' if any(head) else ''
    body = ''.join(f'<tr>{cells(row, "td")}</tr>' for row in rows)
    return f'<table>{top}{body}</table>'
