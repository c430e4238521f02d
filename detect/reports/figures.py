"""Figures of reports, each as SVG text."""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from detect.evaluation.coco_scores import Curves
from detect.evaluation.confusion import Confusion

INK = "#334155"
FAINT = "#cbd5e1"
COLOURS = ("#2563eb", "#f97316", "#16a34a", "#db2777", "#0891b2", "#ca8a04", "#7c3aed", "#dc2626", "#65a30d", "#475569")
STYLE = {
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 9,
    "grid.color": "#e2e8f0",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "svg.hashsalt": "detect",  # the same numbers give the same file
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}
MOST_POINTS = 600  # per line: more cannot be told apart on a screen
MOST_COLOURED = len(COLOURS)  # classes up to which each line has a colour and an entry in the legend
MOST_LEVEL, LONGEST_LEVEL = 6, 10  # names below the confusion matrix, and characters of each, that are not turned
MOST_NUMBERED = 20  # classes up to which the confusion matrix shows the counts


def line_chart(rows: Sequence[dict[str, Any]], names: Sequence[str], label: str, logarithmic: bool = False) -> str:
    """Draw values of `metrics.jsonl` against the epoch.

    Args:
        rows: lines of the file.
        names: the values to draw, one line each.
        label: of the vertical axis.
        logarithmic: whether the vertical axis is.
    """
    with rc_context(STYLE):
        figure, axes = _figure(4.6, 2.9)
        for name, colour in zip(names, _cycle(len(names)), strict=True):
            points = [(row["epoch"], row[name]) for row in rows if _is_finite(row.get(name))]
            points = points[:: math.ceil(len(points) / MOST_POINTS) or 1]
            marker = "o" if len(points) <= 40 else None
            axes.plot(*zip(*points, strict=True), color=colour, label=name, marker=marker, markersize=2.5)
        axes.set(xlabel="epoch", ylabel=label, yscale="log" if logarithmic else "linear")
        axes.set_xlim(left=0)
        if logarithmic:
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        else:
            axes.set_ylim(bottom=0)
        if len(names) > 1:
            figure.legend(loc="outside upper left", ncols=5, fontsize=8)
        return _svg(figure)


def precision_recall_chart(curves: Curves) -> str:
    """Draw precision against recall: the mean of the classes, and every class."""
    with rc_context(STYLE):
        figure, axes = _figure(4.6, 3.6)
        few = len(curves.precisions) <= MOST_COLOURED
        for (name, precision), colour in zip(curves.precisions.items(), _cycle(len(curves.precisions)), strict=True):
            style = {"color": colour, "label": _plain(name)} if few else {"color": FAINT, "linewidth": 0.8}
            axes.plot(curves.recalls, precision, **style)
        if len(curves.precisions) > 1:
            mean = np.mean(list(curves.precisions.values()), axis=0)
            axes.plot(curves.recalls, mean, color="#0f172a", linewidth=2.4, label="mean of classes")
        axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1.005), ylim=(0, 1.02))
        axes.legend(fontsize=8, loc="lower left")
        return _svg(figure)


def confusion_chart(confusion: Confusion) -> str:
    """Draw the confusion matrix: numbers are counts, colours their shares of the true class."""
    names = [*map(_plain, confusion.names), "nothing"]
    totals = confusion.counts.sum(axis=1, keepdims=True)
    totals[-1] = totals.sum()  # detections of nothing are compared with all objects
    shares = confusion.counts / np.maximum(totals, 1)
    side = min(3.0 + 0.32 * len(names), 12.0)
    with rc_context(STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
        figure, axes = _figure(side, side * 0.85)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        level = len(names) <= MOST_LEVEL and max(map(len, names)) <= LONGEST_LEVEL
        axes.set_xticks(range(len(names)), names, rotation=0 if level else 90)
        axes.set_yticks(range(len(names)), names)
        axes.set(xlabel="detected class", ylabel="true class")
        axes.tick_params(length=0, labelsize=8 if len(names) <= MOST_NUMBERED else 5)
        if len(names) <= MOST_NUMBERED + 1:
            _write_counts(axes, confusion.counts, shares)
        return _svg(figure)


def bar_charts(names: Sequence[str], columns: dict[str, Sequence[float]]) -> str:
    """Draw panels of horizontal bars side by side.

    Args:
        names: of the rows, to the left of the first panel.
        columns: the values of each panel, by the title of the panel.
    """
    with rc_context(STYLE | {"axes.grid": False, "axes.spines.bottom": False}):
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


def _plain(text: str) -> str:
    """The text as it is: between two dollar signs, matplotlib expects a formula."""
    return text.replace("$", r"\$")


def _three_digits(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _write_counts(axes: Axes, counts: np.ndarray, shares: np.ndarray) -> None:
    for (row, column), count in np.ndenumerate(counts):
        if count:
            colour = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(count), ha="center", va="center", color=colour, fontsize=8)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    """Create a figure of this size, inches. Unlike pyplot's, it needs no screen and no clean-up."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()


def _cycle(count: int) -> list[str]:
    return [COLOURS[position % len(COLOURS)] for position in range(count)]


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
