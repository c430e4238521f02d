"""Charts of lines, as SVG within a page: their colours are those of the page, in light and dark."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup, escape

COLOURS = 8  # that the page defines: `--line1` and so on
MOST_POINTS = 600  # of a line: more cannot be told apart on a screen
MOST_MARKED = 40  # points of a line up to which each has a mark
MOST_COLOURED = COLOURS  # lines up to which each has a colour and an entry in the legend
WIDTH, HEIGHT = 460, 290
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 10, 40  # margins around the plot
TICKS = 5


class Line(NamedTuple):
    """A line of n points; those that are not finite are left out."""

    name: str
    xs: Sequence[float] | np.ndarray
    ys: Sequence[float] | np.ndarray
    is_main: bool = False  # drawn above the others, in the colour of text


class Axis(NamedTuple):
    """An axis."""

    label: str
    low: float
    high: float
    logarithmic: bool = False

    def place(self, values: np.ndarray) -> np.ndarray:
        """Return where values lie, 0..1."""
        low, high = (self._scaled(np.array(end)) for end in (self.low, self.high))
        return (self._scaled(values) - low) / max(float(high - low), 1e-12)

    def ticks(self) -> list[float]:
        """Return round values on the axis."""
        if not self.logarithmic:
            return _round_steps(self.low, self.high)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = (1, 2, 5) if len(powers) <= 3 else (1,)
        return [step * 10.0**power for power in powers for step in steps if self.low <= step * 10.0**power <= self.high]

    def _scaled(self, values: np.ndarray) -> np.ndarray:
        return np.log10(values) if self.logarithmic else values


class Chart(NamedTuple):
    """A chart on a page."""

    caption: str
    svg: Markup
    legend: tuple[tuple[str, str], ...] = ()  # name and class of each line


def line_chart(caption: str, lines: Sequence[Line], x: Axis, y: Axis, diagonal: bool = False) -> Chart:
    """Draw lines.

    Args:
        caption: says what is drawn.
        lines: with many, only the main one has a colour of its own.
        x: horizontal axis.
        y: vertical axis.
        diagonal: whether to draw the line from the lower left to the upper right corner.
    """
    names = _classes(lines)
    drawn = sorted(zip(lines, names, strict=True), key=lambda each: each[0].is_main)
    parts = [
        *_grid(x, y),
        '<path class="axis" stroke-dasharray="4 4" d="M{} {}L{} {}"/>'.format(*_corners()) if diagonal else "",
    ]
    parts += [_polyline(line, name, x, y) for line, name in drawn]
    svg = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(caption)}">'
    legend = tuple((line.name, name) for line, name in zip(lines, names, strict=True) if name != "many")
    return Chart(caption, Markup(svg + "".join(parts) + "</svg>"), legend if len(lines) > 1 else ())


def axis_of(label: str, values: Sequence[float], logarithmic: bool = False) -> Axis:
    """Return an axis with room for all finite values, from 0 unless it is logarithmic."""
    finite = [value for value in values if math.isfinite(value) and (value > 0 or not logarithmic)] or [1.0]
    high = max(finite) or 1.0
    if not logarithmic:
        return Axis(label, min(0.0, *finite), high)
    low = min(finite)
    return Axis(label, low if low < high else low / 2, high, True)


def _classes(lines: Sequence[Line]) -> list[str]:
    """Return the CSS class of each line."""
    others = sum(not line.is_main for line in lines)
    numbers = iter(range(1, len(lines) + 1))
    return ["main" if line.is_main else f"line{next(numbers)}" if others <= MOST_COLOURED else "many" for line in lines]


def _polyline(line: Line, name: str, x: Axis, y: Axis) -> str:
    xs, ys = np.asarray(line.xs, np.float64), np.asarray(line.ys, np.float64)
    shown = np.isfinite(xs) & np.isfinite(ys) & ((ys > 0) | (not y.logarithmic))
    xs, ys = xs[shown], ys[shown]
    step = math.ceil(len(xs) / MOST_POINTS) or 1
    across, down = _across(x.place(xs[::step])), _down(y.place(ys[::step]))
    points = " ".join(f"{right:.1f},{low:.1f}" for right, low in zip(across, down, strict=True))
    marked = zip(across, down, strict=True) if len(across) <= MOST_MARKED else ()
    dots = "".join(f'<circle cx="{right:.1f}" cy="{low:.1f}" r="2"/>' for right, low in marked)
    return f'<g class="{name}"><title>{escape(line.name)}</title><polyline points="{points}"/>{dots}</g>'


def _grid(x: Axis, y: Axis) -> list[str]:
    parts = []
    left, bottom, right, top = _corners()
    for value in y.ticks():
        row = float(_down(y.place(np.array(value))))
        parts.append(f'<path class="grid" d="M{left} {row:.1f}H{right}"/>')
        parts.append(f'<text x="{left - 6}" y="{row + 4:.1f}" text-anchor="end">{value:g}</text>')
    for value in x.ticks():
        column = float(_across(x.place(np.array(value))))
        parts.append(f'<text x="{column:.1f}" y="{bottom + 16}" text-anchor="middle">{value:g}</text>')
    parts.append(f'<path class="axis" d="M{left} {top}V{bottom}H{right}"/>')
    parts.append(f'<text x="{(left + right) / 2}" y="{HEIGHT - 5}" text-anchor="middle">{escape(x.label)}</text>')
    middle = (top + bottom) / 2
    turned = f'transform="rotate(-90 11 {middle})"'
    parts.append(f'<text x="11" y="{middle}" text-anchor="middle" {turned}>{escape(y.label)}</text>')
    return parts


def _corners() -> tuple[int, int, int, int]:
    """Return left, bottom, right and top of the plot."""
    return LEFT, HEIGHT - BOTTOM, WIDTH - RIGHT, TOP


def _across(shares: np.ndarray) -> np.ndarray:
    return LEFT + shares * (WIDTH - LEFT - RIGHT)


def _down(shares: np.ndarray) -> np.ndarray:
    return HEIGHT - BOTTOM - shares * (HEIGHT - TOP - BOTTOM)


def _round_steps(low: float, high: float) -> list[float]:
    """Return multiples of 1, 2 or 5 times a power of ten between two values, about `TICKS` of them."""
    raw = max(high - low, 1e-12) / TICKS
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]
