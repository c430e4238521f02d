"""Upright hulls, with numbers that can be checked by hand."""

import math

import numpy as np
import pytest

from detect.data.readers.assembly.hulls import hull_of_ellipse, hull_of_points, hull_of_rotated


def test_points():
    assert hull_of_points([(3, 1), (0, 5), (2, 2)]) == (0, 1, 3, 5)
    with pytest.raises(ValueError, match="two points"):
        hull_of_points([(3, 1)])


@pytest.mark.parametrize(
    ("angle", "hull"),
    [(0, (6, 9, 14, 11)), (90, (9, 6, 11, 14)), (-180, (6, 9, 14, 11))],
)
def test_turns_by_right_angles(angle, hull):
    assert hull_of_rotated(10, 10, 8, 2, math.radians(angle)) == pytest.approx(hull)
    assert hull_of_ellipse(10, 10, (4, 1), math.radians(angle)) == pytest.approx(hull)


def test_half_a_right_angle():
    """The hull of a square with the diagonal 10 is 10 wide; a circle stays as it is."""
    side = 10 / math.sqrt(2)
    assert hull_of_rotated(0, 0, side, side, math.radians(45)) == pytest.approx((-5, -5, 5, 5))
    assert hull_of_ellipse(0, 0, (5, 5), math.radians(45)) == pytest.approx((-5, -5, 5, 5))


def test_an_ellipse_is_the_hull_of_its_points():
    turns = np.linspace(0, 2 * math.pi, 100_000)
    x, y = 6 * np.cos(turns), 2 * np.sin(turns)
    across, down = math.cos(0.3), math.sin(0.3)
    points = zip(x * across - y * down, x * down + y * across, strict=True)
    assert hull_of_ellipse(0, 0, (6, 2), 0.3) == pytest.approx(hull_of_points(points), abs=1e-6)


def test_an_angle_that_is_not_finite():
    with pytest.raises(ValueError, match=r"math domain error|finite"):
        hull_of_rotated(0, 0, 1, 1, math.inf)
