"""The boxes of the regions in Label Studio's JSON, as fractions of the image.

Source: the pages on the tags RectangleLabels, PolygonLabels and EllipseLabels of labelstud.io, and "Units of image
annotations" of its page on the format of tasks. All lengths are percent of the image's width and height. A rectangle is
turned clockwise around its upper left corner, an ellipse around its centre; angles are degrees, and hold in pixels.
Brush masks are those of `label_studio_brush`.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from detect.data.readers.assembly.annotations import NO_SIZE, stated_size
from detect.data.readers.assembly.hulls import Box, hull_of_ellipse, hull_of_points
from detect.data.readers.kinds.named_content import class_name
from detect.data.readers.label_studio.label_studio_brush import brush_bounds

_LABELS = ("rectanglelabels", "polygonlabels", "ellipselabels", "brushlabels", "bitmasklabels", "labels")
_SHAPES = frozenset(("width", "points", "radiusX", "rle", "imageDataURL"))  # of which every region of an object has one
_SIZE = ("original_width", "original_height")


class Region(NamedTuple):
    """An object on an image."""

    name: str  # of its class
    box: Box  # fractions of the image
    is_hull: bool


def joined_regions(results: list[Any]) -> Iterator[dict]:
    """Yield the results of an annotation; those of one id, a shape and its labels, are one."""
    by_id: dict[str, dict] = {}
    for result in results:
        known, value = (result.get("id"), result.get("value")) if isinstance(result, dict) else (None, None)
        if not isinstance(known, str) or not isinstance(value, dict):
            yield result if isinstance(result, dict) else {"value": result}
        elif known in by_id:
            by_id[known]["value"].update(value)
        else:
            by_id[known] = result
    yield from by_id.values()


def is_object(value: Any) -> bool:
    """Return whether the value of a result is a region of an object: choices, texts and key points are not."""
    return isinstance(value, dict) and not _SHAPES.isdisjoint(value) and "keypointlabels" not in value


def size_of(region: Mapping[str, Any]) -> tuple[int, int]:
    """Return the width and height of the image that a region states, pixels, or NO_SIZE."""
    return stated_size(region, _SIZE)


def read_region(value: Mapping[str, Any], size: tuple[int, int]) -> Region:
    """Read the value of a region.

    Args:
        value: of the result.
        size: of the image, pixels, or NO_SIZE.

    Raises:
        TypeError, ValueError, KeyError, OverflowError: it has no class, or no box that can be read.
    """
    labels = next((value[name] for name in _LABELS if value.get(name)), None)
    name = class_name(labels[0] if isinstance(labels, list) else labels)
    angle = math.radians(float(value.get("rotation") or 0))
    if "imageDataURL" in value:
        raise ValueError("bit masks are not read: export the project as COCO")
    if "rle" in value:
        x1, y1, x2, y2 = brush_bounds(value["rle"], size)
        return Region(name, (x1 / size[0], y1 / size[1], x2 / size[0], y2 / size[1]), True)
    if "points" in value:
        return Region(name, hull_of_points((float(x) / 100, float(y) / 100) for x, y in value["points"]), True)
    if angle and size == NO_SIZE:
        raise ValueError("a turned box needs original_width and original_height")
    width, height = size if angle else (1, 1)
    x, y = float(value["x"]) / 100 * width, float(value["y"]) / 100 * height
    if "radiusX" in value:
        radii = float(value["radiusX"]) / 100 * width, float(value["radiusY"]) / 100 * height
        box, is_hull = hull_of_ellipse(x, y, radii, angle), True
    else:
        sides = float(value["width"]) / 100 * width, float(value["height"]) / 100 * height
        box, is_hull = _turned_around_corner(x, y, sides, angle), bool(angle)
    return Region(name, (box[0] / width, box[1] / height, box[2] / width, box[3] / height), is_hull)


def _turned_around_corner(x: float, y: float, sides: tuple[float, float], angle: float) -> Box:
    across, down = math.cos(angle), math.sin(angle)
    right, below = (sides[0] * across, sides[0] * down), (-sides[1] * down, sides[1] * across)
    corners = [(0.0, 0.0), right, below, (right[0] + below[0], right[1] + below[1])]
    return hull_of_points((x + column, y + row) for column, row in corners)
