"""Charts of bars, each as SVG text."""

import io
from collections.abc import Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure

INK = "#334155"
COLOURS = ("#2563eb", "#f97316", "#16a34a", "#db2777", "#0891b2", "#ca8a04", "#7c3aed", "#dc2626", "#65a30d", "#475569")
STYLE = {
    "axes.grid": False,
    "axes.spines.bottom": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.edgecolor": "#cbd5e1",
    "font.size": 9,
    "svg.hashsalt": "detect",  # the same numbers give the same file
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def bar_charts(names: Sequence[str], columns: dict[str, Sequence[float]]) -> str:
    """Draw panels of horizontal bars side by side.

    Args:
        names: of the rows, to the left of the first panel.
        columns: the values of each panel, by the title of the panel.
    """
    with rc_context(STYLE):
        figure = Figure(figsize=(2.4 * len(columns) + 1.2, 0.34 * len(names) + 0.6), layout="constrained")
        panels = figure.subplots(1, len(columns), sharey=True, squeeze=False)[0]
        for axes, (label, values), colour in zip(panels, columns.items(), _cycle(len(columns)), strict=True):
            bars = axes.barh(range(len(names)), values, color=colour, height=0.6)
            axes.bar_label(bars, fmt=_three_digits, padding=3, fontsize=8)
            axes.set_title(label, fontsize=9)
            axes.set_xlim(0, 1.25 * max(values))
            axes.set_xticks([])
            axes.tick_params(length=0)
        panels[0].set_yticks(range(len(names)), names)
        panels[0].invert_yaxis()
        return _svg(figure)


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def _cycle(count: int) -> list[str]:
    return [COLOURS[position % len(COLOURS)] for position in range(count)]
