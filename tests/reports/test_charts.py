"""Charts: values are where the axes say, and names are escaped."""

import re

import pytest

from detect.reports.charts import (
    BOTTOM,
    COLOURS,
    HEIGHT,
    LEFT,
    MOST_POINTS,
    RIGHT,
    TOP,
    WIDTH,
    Axis,
    Line,
    axis_of,
    line_chart,
)

UNIT = Axis("x", 0.0, 1.0)


def points(svg: str) -> list[list[tuple[float, float]]]:
    """Return the points of each line."""
    lines = re.findall(r'points="([^"]*)"', svg)
    return [[tuple(map(float, point.split(","))) for point in line.split()] for line in lines]


def test_values_are_where_the_axes_say():
    chart = line_chart("a chart", [Line("a", [0, 0.5, 1], [0, 1, 0.5])], UNIT, UNIT)
    left, right, top, bottom = LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM
    assert points(chart.svg) == [[(left, bottom), ((left + right) / 2, top), (right, (top + bottom) / 2)]]
    assert 'aria-label="a chart"' in chart.svg
    assert chart.legend == ()


def test_a_logarithmic_axis_has_equal_steps_for_equal_factors():
    axis = axis_of("loss", [1.0, 100.0], logarithmic=True)
    chart = line_chart("", [Line("a", [0, 0.5, 1], [1, 10, 100])], UNIT, axis)
    (((_, first), (_, second), (_, third)),) = points(chart.svg)
    assert first - second == pytest.approx(second - third)
    assert axis.ticks() == [1, 2, 5, 10, 20, 50, 100]


@pytest.mark.parametrize(("low", "high", "ticks"), [
    (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
    (0, 37, [0, 10, 20, 30]),
    (0, 0.003, [0, 0.001, 0.002, 0.003]),
])  # fmt: skip
def test_ticks_are_round(low, high, ticks):
    assert Axis("", low, high).ticks() == pytest.approx(ticks)


def test_values_that_are_not_finite_are_left_out():
    chart = line_chart("", [Line("a", [0, 0.5, 1], [0, float("nan"), 1])], UNIT, UNIT)
    assert len(points(chart.svg)[0]) == 2
    assert axis_of("", [float("nan")]) == Axis("", 0.0, 1.0)


def test_long_lines_are_thinned():
    chart = line_chart("", [Line("a", [row / 1999 for row in range(2000)], [0.5] * 2000)], UNIT, UNIT)
    assert 400 <= len(points(chart.svg)[0]) <= MOST_POINTS


def test_a_few_lines_have_colours_and_many_have_none():
    lines = [Line(str(number), [0, 1], [0, 1]) for number in range(COLOURS)]
    main = Line("mean", [0, 1], [0, 1], is_main=True)
    few = line_chart("", [*lines, main], UNIT, UNIT)
    assert [name for _, name in few.legend] == [*(f"line{number}" for number in range(1, COLOURS + 1)), "main"]
    many = line_chart("", [*lines, lines[0], main], UNIT, UNIT)
    assert many.legend == (("mean", "main"),)
    assert many.svg.count('class="many"') == COLOURS + 1
    assert many.svg.index('class="main"') > many.svg.rindex('class="many"')  # above the others


def test_names_are_escaped():
    lines = [Line("</title><script>", [0, 1], [0, 1])]
    svg = line_chart("<c>", lines, Axis("<x>", 0, 1), Axis("&", 0, 1)).svg
    assert not [text for text in ("<script>", "<c>", "<x>", ">&<") if text in svg]
    for text in ("&lt;/title&gt;&lt;script&gt;", ">&lt;x&gt;<", ">&amp;<", 'aria-label="&lt;c&gt;"'):
        assert text in svg
