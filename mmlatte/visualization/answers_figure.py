"""Accuracy against the number of answers, as a figure."""

from collections.abc import Mapping, Sequence

from .run_figures import COLOURS, new_figure, svg_text

__all__ = ['answers_figure']

#: Outside a page there is no ink to follow.
INKS = (
    '<style>svg{color:#1a1d21}@media (prefers-color-scheme:dark)'
    '{svg{color:#e8eaed}}</style>'
)


def answers_figure(
    curves: Mapping[str, Sequence[tuple[float, float]]],
    level: tuple[str, float] | None = None,
) -> str:
    """Draw accuracy against the number of answers.

    Args:
        curves (Mapping): Name -> points (answers, top-1 in percent).
        level (tuple[str, float], optional): Name and top-1 of what needs all
            labels, a dotted line.

    Returns:
        str: SVG, readable on light and on dark ground, in a page or alone.
    """
    from matplotlib.ticker import MaxNLocator

    with new_figure(6.4, 3.4) as figure:
        axes = figure.subplots()
        for (name, points), colour in zip(
            curves.items(), COLOURS * len(curves), strict=False
        ):
            places, values = zip(*sorted(points), strict=True)
            axes.plot(places, values, 'o-', label=name, color=colour, ms=4)
        if level is not None:
            axes.axhline(level[1], color=COLOURS[-1], ls=':', label=level[0])
        axes.set(xlabel='answers', ylabel='top-1 on test images, %')
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.legend(loc='center left', bbox_to_anchor=(1, 0.5))
        text = svg_text(figure)
    start = text.index('>') + 1
    return text[:start] + INKS + text[start:]
