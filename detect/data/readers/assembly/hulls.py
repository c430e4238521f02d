"""The upright boxes that enclose rotated boxes, ellipses and points."""

import math
from collections.abc import Iterable
from typing import Any

Box = tuple[float, float, float, float]  # x1, y1, x2, y2


def hull_of_points(points: Iterable[Iterable[Any]]) -> Box:
    """Return the hull of points, x and y each as numbers or texts; ValueError where there are fewer than two."""
    corners = [(float(x), float(y)) for x, y in points]
    if len(corners) < 2:
        raise ValueError("expected two points or more")
    columns, rows = zip(*corners, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def hull_of_rotated(x: float, y: float, width: float, height: float, angle: float) -> Box:
    """Return the hull of a box that is turned around its centre.

    Args:
        x: of the centre.
        y: of the centre.
        width: before it is turned.
        height: before it is turned.
        angle: radians; ValueError where it is not finite.
    """
    across, down = abs(math.cos(angle)), abs(math.sin(angle))
    return _around(x, y, (width * across + height * down) / 2, (width * down + height * across) / 2)


def hull_of_ellipse(x: float, y: float, radii: tuple[float, float], angle: float) -> Box:
    """Return the hull of an ellipse.

    Args:
        x: of the centre.
        y: of the centre.
        radii: along its own x and y.
        angle: by which it is turned around its centre, radians; ValueError where it is not finite.
    """
    across, down = math.cos(angle), math.sin(angle)
    return _around(x, y, math.hypot(radii[0] * across, radii[1] * down), math.hypot(radii[0] * down, radii[1] * across))


def _around(x: float, y: float, half_width: float, half_height: float) -> Box:
    return x - half_width, y - half_height, x + half_width, y + half_height
