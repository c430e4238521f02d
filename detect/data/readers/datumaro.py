"""Datumaro JSON, which CVAT writes, too: a file per subset, with `categories` and `items`.

    {"categories": {"label": {"labels": [{"name": "bus"}, {"name": "car"}]}},
     "items": [{"id": "a", "image": {"path": "a.jpg", "size": [20, 40]}, "annotations": [
         {"type": "bbox", "label_id": 1, "bbox": [10, 5, 20, 10]}
     ]}]}

Source: "Datumaro format" of openvinotoolkit.github.io/datumaro and of docs.cvat.ai. A box is x, y, width and height in
pixels; where it has the attribute `rotation`, it is turned by these degrees. Turned boxes, polygons, lines, ellipses,
cuboids and masks are replaced by their upright hulls; labels of whole images, points and captions are not objects, and
are counted in a note. Objects with the attribute `is_crowd` become ignore regions. The type `rotated_bbox`, for which
Datumaro's own reader and writer of this format have no form, is lost. The order of the classes is that of the labels.

Files lie in `annotations` and are the split that their name speaks of, else "train"; images are in `images/SUBSET`. An
image whose path is not stated is the one that has its id as its name.
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.annotations import NO_SIZE, flag, stated_size
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.assembly.hulls import Box, hull_of_rotated
from detect.data.readers.assembly.segmentation import bounds
from detect.data.readers.files.json_stream import first_members, read_members
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.readers.kinds.split_format import SplitFormat, one_split
from detect.errors import BadInput

_POINTS = ("polygon", "polyline", "ellipse", "cuboid_2d")  # types that have `points`: x and y in turns, or in pairs
_OBJECTS = (*_POINTS, "bbox", "rotated_bbox", "mask")


def is_datumaro(path: Path) -> bool:
    """Return whether a JSON file has categories of labels before its items; BadInput where it cannot be parsed."""
    return _labels(path) is not None


def load_datumaro(file: AnnotationFile) -> NamedContent:
    """Read a file; BadInput where it is not Datumaro's, or none of its images is found."""
    labels = _labels(file.path)
    if labels is None:
        raise BadInput(f"{file.path}: expected 'categories' with labels and then 'items', as Datumaro has them.")
    content = _Items(file.path, labels)
    for name, value in read_members(file.path):
        for number, item in enumerate(value if name == "items" and isinstance(value, Iterator) else ()):
            content.add_item(number, item)
    if len(content.images) and not is_image_name(content.images.names[0]):
        content.find_images_by_stem(file)
    else:
        content.find_images(file)
    return content


def _labels(path: Path) -> list[Any] | None:
    """Return the labels that a file states before its items; None where it does not."""
    for name, value in first_members(path):
        if name == "categories":
            labels = value.get("label") if isinstance(value, dict) else None
            stated = labels.get("labels") if isinstance(labels, dict) else None
            return (
                [label.get("name") if isinstance(label, dict) else None for label in stated]
                if isinstance(stated, list)
                else None
            )
        if name is None or isinstance(value, Iterator):
            break
    return None


class _Items(NamedContent):
    """The content of a file; entries are items."""

    def __init__(self, path: Path, labels: list[Any]):
        super().__init__(path, Form.SIZE)
        self._labels = labels
        self.order = tuple(name.strip() for name in labels if isinstance(name, str) and name.strip())

    def add_item(self, number: int, item: Any) -> None:
        """Add the image and the objects of an item, or report why that is not possible."""
        members = item if isinstance(item, dict) else {}
        media = members.get("image") or members.get("media")
        path = media.get("path") if isinstance(media, dict) else None
        name, annotations = path or members.get("id"), members.get("annotations")
        if not can_name_file(name) or not isinstance(annotations, list):
            self.drop_image(number, f"expected an 'id' and 'annotations', found {item!r:.120}")
            return
        row = self.add_image(name, number, _size(media))
        for position, stated in enumerate(annotations):
            self._add_object(row, position, stated)

    def _add_object(self, row: int, position: int, stated: Any) -> None:
        kind = stated.get("type") if isinstance(stated, dict) else None
        if isinstance(kind, str) and kind not in _OBJECTS:
            self.counts[f"annotations of the type {kind!r:.40} are not objects and are left out"] += 1
            return
        try:
            box, is_hull = _box(stated)
            name = class_name(self._labels[_index(stated["label_id"])])
            is_crowd = flag((stated.get("attributes") or {}).get("is_crowd"))
        except MALFORMED:
            self.drop_box(row, position, f"expected a 'label_id' and a shape, found {stated!r:.120}")
            return
        if is_hull:
            self.counts["turned boxes, polygons, masks and other shapes are replaced by their upright hulls"] += 1
        self.add_box(row, position, box, name, bool(is_crowd))


def _index(label: Any) -> int:
    if type(label) is not int or label < 0:  # `True` is an integer, too
        raise ValueError("expected the number of a label")
    return label


def _size(media: Any) -> tuple[int, int]:
    """Return the width and height of an image, whose height is stated first."""
    size = media.get("size") if isinstance(media, dict) else None
    return stated_size({"width": size[1], "height": size[0]}) if isinstance(size, list) and len(size) == 2 else NO_SIZE


def _box(stated: dict[str, Any]) -> tuple[Box, bool]:
    """Return the box of an object, and whether it is a hull.

    Raises:
        TypeError, ValueError, KeyError, OverflowError, AttributeError: it has none.
    """
    kind = stated["type"]
    if kind == "mask":
        return bounds(stated["rle"]), True
    if kind in _POINTS:
        return bounds([stated["points"]]), True
    x, y, width, height = map(float, stated["bbox"])
    angle = math.radians(float((stated.get("attributes") or {}).get("rotation") or 0))
    if angle:
        return hull_of_rotated(x + width / 2, y + height / 2, width, height, angle), True
    return (x, y, x + width, y + height), False


READER = SplitFormat(
    name="Datumaro JSON",
    file="a Datumaro JSON",
    folder="Datumaro files",
    suffixes=(".json",),
    content="`categories` with labels, and `items`",
    recognises=is_datumaro,
    load=one_split(load_datumaro),
).reader()
