"""The content of one annotation file of Pascal VOC, as the many programs that write such files state it.

Rotated boxes and polygons are replaced by their upright hulls: `robndbox` of roLabelImg, `polygon` with `x1`, `y1`,
`x2` ... or with `pt` elements, corners `x0` to `y3` in `bndbox`, and the attribute `rotation` of CVAT.
"""

import math
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from detect.data.readers.assembly.annotations import NO_SIZE, flag
from detect.data.readers.assembly.hulls import Box, hull_of_rotated
from detect.data.readers.files.text_encodings import decode
from detect.data.readers.files.text_files import read_bytes

CORNERS = ("xmin", "ymin", "xmax", "ymax")
_STATED_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]{1,40})["']""")
_OBJECT = re.compile(r"<object[\s>/]")
_ROOT = re.compile(rb"<annotation[\s>]")


class VocObject(NamedTuple):
    """One object of an annotation file."""

    name: str
    box: Box  # x1, y1, x2, y2 as stated
    is_hull: bool  # of points, which lie anywhere; other corners are pixels
    difficult: bool | None  # None where the file says neither yes nor no
    position: int  # among the objects of the file, from 0


class VocContent(NamedTuple):
    """The content of an annotation file."""

    file_name: str  # of the image
    size: tuple[int, int]  # of the image, or NO_SIZE
    objects: list[VocObject]
    malformed: list[tuple[int, str]]  # positions of objects that cannot be used, and what they state
    guessed_encoding: str  # empty where it is UTF-8, or stated


def is_annotation(path: str | Path) -> bool:
    """Return whether an XML file is an annotation of Pascal VOC."""
    try:
        return bool(_ROOT.search(read_bytes(path).replace(b"\0", b"")))  # every other byte, in UTF-16
    except (OSError, ValueError):
        return False


def read_content(path: str | Path) -> VocContent:
    """Read an annotation file.

    Raises:
        OSError: the file cannot be read.
        ElementTree.ParseError: the file is not XML.
        UnicodeDecodeError: the file is not text.
    """
    text, guessed = _decoded(read_bytes(path))
    root = ElementTree.fromstring(text)
    objects, malformed = [], []
    for position, element in enumerate(root.findall("object")):
        name, (box, is_hull) = _text(element, "name"), _box(element)
        if name and box:
            objects.append(VocObject(name, box, is_hull, flag(_text(element, "difficult")), position))
        else:
            malformed.append((position, _found(element, name)))
    return VocContent(_text(root, "filename"), _stated_size(root), objects, malformed, guessed)


def line_of(path: str | Path, position: int) -> int:
    """Return the line on which an object begins: ElementTree does not keep it, and only problems ask for it."""
    text, _ = _decoded(read_bytes(path))
    starts = [match.start() for match in _OBJECT.finditer(text)]
    return text[: starts[position]].count("\n") + 1


def _decoded(data: bytes) -> tuple[str, str]:
    """Return the text of a file, and its encoding where that had to be guessed."""
    match = _STATED_ENCODING.match(data)
    return decode(data, match[1].decode("ascii") if match else "")


def _text(element: ElementTree.Element, name: str) -> str:
    return (element.findtext(name) or "").strip()


def _inside(element: ElementTree.Element, part: str, names: Iterable[str]) -> list[float]:
    """Return the numbers in elements inside a part of an element; none where they are not all there."""
    found = element.find(part)
    return [] if found is None else _numbers(_text(found, name) for name in names)


def _numbers(texts: Iterable[str]) -> list[float]:
    """Return texts as numbers; none where one of them is not a number."""
    try:
        return list(map(float, texts))
    except ValueError:
        return []


def _stated_size(root: ElementTree.Element) -> tuple[int, int]:
    numbers = _inside(root, "size", ("width", "height"))
    return (int(numbers[0]), int(numbers[1])) if numbers and all(map(math.isfinite, numbers)) else NO_SIZE


def _box(element: ElementTree.Element) -> tuple[Box | None, bool]:
    """Return the box of an object, if it has one, and whether it is a hull."""
    corners, angle = _inside(element, "bndbox", CORNERS), _rotation(element)
    if corners and not angle:
        return (corners[0], corners[1], corners[2], corners[3]), False
    if corners:
        x1, y1, x2, y2 = corners
        return _turned(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, angle)), True
    rotated = _inside(element, "robndbox", ("cx", "cy", "w", "h", "angle"))
    return (_turned(rotated) if rotated else _hull_of_points(element)), True


def _rotation(element: ElementTree.Element) -> float:
    """Return the angle in the attributes of CVAT, in radians; 0 where there is none."""
    for attribute in element.find("attributes") or ():
        if _text(attribute, "name") == "rotation":
            return math.radians((_numbers([_text(attribute, "value")]) or [0])[0])
    return 0.0


def _turned(rotated: Sequence[float]) -> Box | None:
    """Return the hull of a rotated box: its centre, size and angle."""
    return hull_of_rotated(*rotated) if math.isfinite(rotated[4]) else None


def _hull_of_points(element: ElementTree.Element) -> Box | None:
    points = [point for part in ("polygon", "bndbox") for point in element.iterfind(f"{part}//*")]
    columns, rows = (_coordinates(points, letter) for letter in "xy")
    if len(columns) < 3 or len(columns) != len(rows):
        return None
    return min(columns), min(rows), max(columns), max(rows)


def _coordinates(points: Sequence[ElementTree.Element], letter: str) -> list[float]:
    """Return the numbers in elements named `letter`, or `letter` and a number."""
    return _numbers(point.text or "" for point in points if re.fullmatch(rf"{letter}\d*", point.tag))


def _found(element: ElementTree.Element, name: str) -> str:
    stated = ", ".join(f"{corner} {(element.findtext(f'bndbox/{corner}') or '')[:40]!r}" for corner in CORNERS)
    return f"expected a name and four numbers, found name {name[:40]!r}, {stated}"
