"""Figures of a run report: SVG that follows the page's light or dark ink."""

import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    'COLOURS',
    'confusion_figure',
    'curves_figure',
    'new_figure',
    'per_class_figure',
    'svg_text',
]

#: Drawn in this colour, replaced by the page's text colour.
INK = '#010203'
BLUE, ORANGE = '#3b7dd8', '#d9822b'
COLOURS = (BLUE, ORANGE, '#2f9e6e', '#a05bc4', '#c94f6d', '#7a8699')
#: Transparent to blue, for both backgrounds.
SHADE = ((0.23, 0.49, 0.85, 0.0), (0.23, 0.49, 0.85, 1.0))
STYLE = {
    'svg.fonttype': 'none',
    'svg.hashsalt': 'mmlatte',
    'font.family': 'sans-serif',
    'font.size': 9,
    'text.color': INK,
    'axes.edgecolor': INK,
    'axes.labelcolor': INK,
    'xtick.color': INK,
    'ytick.color': INK,
    'axes.spines.top': False,
    'axes.spines.right': False,
    'legend.frameon': False,
}
#: More class names than this are not written at an axis.
MAX_NAMES = 40


@contextmanager
def new_figure(width: float, height: float) -> Iterator['Figure']:
    """Draw in `STYLE`; matplotlib is imported where there is a figure.

    Args:
        width (float): In inches.
        height (float): In inches.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(STYLE):
        yield Figure(figsize=(width, height), layout='constrained')


def curves_figure(
    curves: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    ylabel: str = '',
    xlabel: str = 'iteration',
    marked: bool = False,
) -> str:
    """Draw lines over iterations or epochs.

    Args:
        curves (Mapping): Name -> (steps, values).
        ylabel (str): Of the vertical axis.
        xlabel (str): Of the horizontal one. Defaults to ``'iteration'``.
        marked (bool): Mark every point. Defaults to False: two or fewer.

    Returns:
        str: SVG.
    """
    with new_figure(5.2, 2.8) as figure:
        axes = figure.subplots()
        for (name, (steps, values)), colour in zip(
            curves.items(), COLOURS * len(curves), strict=False
        ):
            dot = 'o' if marked or len(steps) < 3 else None
            axes.plot(steps, values, label=name, color=colour, marker=dot)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.ticklabel_format(useOffset=False)
        _legend_above(axes, len(curves))
        return svg_text(figure)


def confusion_figure(
    counts: np.ndarray, names: Sequence[str], rows: str, columns: str
) -> str:
    """Draw a matrix of counts, each row as shares of its sum.

    Args:
        counts (np.ndarray): (C, C).
        names (Sequence[str]): Of the C classes.
        rows (str): What the rows are.
        columns (str): What the columns are.

    Returns:
        str: SVG.
    """
    from matplotlib.colors import LinearSegmentedColormap

    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 4.6 if len(names) <= MAX_NAMES else 4.2
    with new_figure(side + 0.6, side) as figure:
        axes = figure.subplots()
        shade = LinearSegmentedColormap.from_list('shade', SHADE)
        axes.imshow(shares, cmap=shade, vmin=0, vmax=1)
        axes.set(xlabel=columns, ylabel=rows)
        _name_ticks(axes, names)
        if len(names) <= 12:
            for (row, column), share in np.ndenumerate(shares):
                if share >= 0.005:
                    text = f'{100 * share:.0f}'
                    axes.text(
                        column, row, text, ha='center', va='center', size=7
                    )
        return svg_text(figure)


def per_class_figure(
    names: Sequence[str],
    values: Mapping[str, np.ndarray],
    xlabel: str,
) -> str:
    """Draw horizontal bars per class.

    Args:
        names (Sequence[str]): Of the C classes; the caller keeps it short.
        values (Mapping): Name of a series -> (C,) values.
        xlabel (str): Of the horizontal axis.

    Returns:
        str: SVG.
    """
    height = 0.9 + 0.19 * len(names) * (0.6 + 0.4 * len(values))
    with new_figure(5.2, height) as figure:
        axes = figure.subplots()
        places = np.arange(len(names))
        thick = 0.8 / len(values)
        series = zip(values.items(), reversed(COLOURS[:2]), strict=False)
        if len(values) == 1:
            series = zip(values.items(), [BLUE], strict=True)
        for i, ((name, numbers), colour) in enumerate(series):
            offset = (i - (len(values) - 1) / 2) * thick
            axes.barh(
                places + offset, numbers, thick, label=name, color=colour
            )
        axes.set_yticks(places, labels=[_short(n) for n in names])
        axes.invert_yaxis()
        axes.set_xlabel(xlabel)
        _legend_above(axes, len(values))
        return svg_text(figure)


def _legend_above(axes: 'Axes', count: int) -> None:
    # Curves and bars fill the axes.
    if count > 1:
        axes.legend(loc='lower center', bbox_to_anchor=(0.5, 1), ncols=count)


def _name_ticks(axes: 'Axes', names: Sequence[str]) -> None:
    if len(names) > MAX_NAMES:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    places = range(len(names))
    short = [_short(name) for name in names]
    axes.set_xticks(places, labels=short, rotation=90)
    axes.set_yticks(places, labels=short)


def _short(name: str, length: int = 26) -> str:
    # A dollar sign would start a formula.
    name = name.replace('$', r'\$')
    return name if len(name) <= length else f'{name[: length - 1]}…'


def svg_text(figure: 'Figure') -> str:
    """Return a figure as SVG in the ink of the page around it.

    Args:
        figure (Figure): Drawn with `STYLE`.
    """
    buffer = io.StringIO()
    figure.savefig(
        buffer, format='svg', transparent=True, metadata={'Date': None}
    )
    text = buffer.getvalue()
    text = text[text.index('<svg') :]
    # Without the licence block that matplotlib adds.
    text = re.sub(r'<metadata>.*?</metadata>', '', text, flags=re.S)
    return text.replace(INK, 'currentColor')
