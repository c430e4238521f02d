"""The elements of a CVAT XML file, one at a time, and the boxes of the shapes in them."""

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

from detect.data.readers.assembly.hulls import Box, hull_of_ellipse, hull_of_points, hull_of_rotated
from detect.data.regular_files import open_regular
from detect.errors import BadInput

SHAPES = frozenset(("box", "polygon", "polyline", "ellipse", "cuboid", "mask"))  # those of objects
_BEGINNING = 4096  # bytes by which a file is recognised
_ROOT = re.compile(rb"<annotations[\s>].{0,1000}?<(version|meta|image|track)[\s>/]", re.DOTALL)
_CORNER = re.compile(r"[xy](?=[tb][lr][12]$)")  # of the names of the corners of a cuboid, xtl1 to ybr2


def is_cvat(path: Path) -> bool:
    """Return whether an XML file begins as CVAT's do."""
    try:
        with open_regular(path) as file:
            return bool(_ROOT.search(file.read(_BEGINNING)))
    except (OSError, ValueError):
        return False


def read_elements(path: Path) -> Iterator[ElementTree.Element]:
    """Yield the elements in the root of a file; each is forgotten before the next.

    Raises:
        BadInput: the file cannot be read, or is not XML; raised when reading gets there.
    """
    try:
        with open_regular(path) as file:
            yield from _elements_below_root(file)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except ElementTree.ParseError as error:
        raise BadInput(f"{path}:{error.position[0]}: not XML: {error}.") from None
    except (ValueError, LookupError) as error:  # of its encoding
        raise BadInput(f"{path}: not XML that can be read: {error}.") from None


def _elements_below_root(file) -> Iterator[ElementTree.Element]:
    root, depth = None, 0
    for event, element in ElementTree.iterparse(file, ("start", "end")):
        depth += 1 if event == "start" else -1
        if root is None:
            root = element
        elif event == "end" and depth == 1:
            yield element
            root.clear()


def box_of(shape: ElementTree.Element) -> tuple[Box, bool]:
    """Return the box of a shape, and whether it is a hull.

    Raises:
        ValueError, KeyError: the shape has no box.
    """
    angle = math.radians(float(shape.get("rotation") or 0))
    if shape.tag == "box":
        x1, y1, x2, y2 = _numbers(shape, "xtl", "ytl", "xbr", "ybr")
        if not angle:
            return (x1, y1, x2, y2), False
        return hull_of_rotated((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, angle), True
    if shape.tag == "ellipse":
        x, y, *radii = _numbers(shape, "cx", "cy", "rx", "ry")
        return hull_of_ellipse(x, y, (radii[0], radii[1]), angle), True
    if shape.tag == "mask":
        left, top, width, height = _numbers(shape, "left", "top", "width", "height")
        return (left, top, left + width, top + height), True
    if shape.tag == "cuboid":
        names = sorted(name for name in shape.attrib if _CORNER.match(name))
        columns, rows = (_numbers(shape, *(name for name in names if name[0] == letter)) for letter in "xy")
        return hull_of_points(zip(columns, rows, strict=True)), True
    points = (point.split(",") for point in shape.attrib["points"].split(";"))
    return hull_of_points(points), True


def _numbers(shape: ElementTree.Element, *names: str) -> list[float]:
    return [float(shape.attrib[name]) for name in names]
