"""LabelMe JSON: a file per image, with `shapes` of points in pixels and the `imagePath` of the image.

Rectangles are two corners in any order; X-AnyLabeling writes the same files, with four corners. Polygons, lines, masks,
rotated rectangles and circles (a centre and a point on the edge) are replaced by their upright hulls, and so are the
parts of one object, which have one label and one `group_id`. Single points are not objects and are counted in a note.
Shapes that are `difficult` become ignore regions.

`imagePath` is relative to the file; other places are tried as for COCO, and then the image that has the name of the
file. An image that is only in `imageData`, without a file of its own, is lost. All files of a folder are the training
split, unless they lie in folders that are named after splits.
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.annotations import flag, stated_size
from detect.data.readers.assembly.hulls import Box, hull_of_points
from detect.data.readers.files.json_stream import first_members, read_whole
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.named_images import can_name_file, parts_of
from detect.data.readers.images.stems import Stems
from detect.data.readers.kinds.folder_format import FolderContent, FolderFormat, holds_some
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.texts import Texts
from detect.errors import BadInput

_OF_OTHERS = ("images", "annotations", "frames", "objects")  # members of other formats, which may be long lists
_POINTS = ("point", "points")


class _Shape(NamedTuple):
    """One object of a file."""

    position: int  # among the shapes of its file
    name: str
    box: Box
    difficult: bool
    group: Any  # what the parts of one object have in common; None for an object of its own


def is_labelme(path: Path) -> bool:
    """Return whether a JSON file has the list `shapes` of LabelMe; BadInput where it is not JSON."""
    for name, value in first_members(path):
        if name == "shapes":
            return isinstance(value, Iterator)
        if name is None or name in _OF_OTHERS:
            break
    return False


class _Files(FolderContent):
    """The content of the files in a folder."""

    def __init__(self, folder: Path):
        super().__init__(folder, ".json")
        self.embedded: list[int] = []  # rows of images that are in their JSON files, too
        self._images = set(filter(is_image_name, Folder(folder).names))
        self._stems = Stems(sorted(self._images))

    def add_file(self, entry: int, path: Path) -> None:
        content = read_whole(path)
        if not isinstance(content.get("shapes"), list):
            self.counts["JSON files without a list `shapes` are passed over"] += 1
        elif not can_name_file(content.get("imagePath")):
            self.drop_image(entry, f"expected the name of an image as 'imagePath', found {content.get('imagePath')!r}")
        else:
            self._add(entry, content)

    def _add(self, entry: int, content: dict) -> None:
        name = self._image_name(entry, content["imagePath"])
        row = self.add_image(name, entry, stated_size(content, ("imageWidth", "imageHeight")))
        if content.get("imageData"):
            self.embedded.append(row)
        for shape in _joined(self._shapes(row, content["shapes"])):
            self.add_box(row, shape.position, shape.box, shape.name, shape.difficult)

    def _image_name(self, entry: int, stated: str) -> str:
        """Return the stated path of an image; where it does not exist, the image beside the file that has its name."""
        beside = self._stems.find(os.path.splitext(self.files[entry])[0])
        known = {stated, *parts_of(stated)[-1:]} & self._images
        if known or beside is None or os.path.exists(os.path.join(self.path, stated)):
            return stated
        self.counts["images are found by the names of their JSON files, not by `imagePath`"] += 1
        return beside

    def _shapes(self, row: int, shapes: list[Any]) -> Iterator[_Shape]:
        """Yield the objects of a file; what cannot be read is reported."""
        for position, shape in enumerate(shapes):
            kind = shape.get("shape_type") if isinstance(shape, dict) else None
            if kind in _POINTS:
                self.counts["single points are not objects and are left out"] += 1
                continue
            try:
                box, name = _hull(shape["points"], kind), class_name(shape["label"])
            except MALFORMED:
                what = f"expected a 'label', and 'points' of two numbers each, found {shape!r:.120}"
                self.drop_box(row, position, what)
                continue
            if kind != "rectangle":
                self.counts["polygons, circles and other shapes are replaced by their upright hulls"] += 1
            group = shape.get("group_id") if kind != "rectangle" else None
            yield _Shape(position, name, box, bool(flag(shape.get("difficult"))), group)


def _hull(points: list[Any], kind: str | None) -> Box:
    """Return the box that encloses a shape.

    Raises:
        TypeError, ValueError, OverflowError: it is not two points or more.
    """
    corners = [(float(x), float(y)) for x, y in points]
    if kind == "circle" and len(corners) > 1:
        (x, y), radius = corners[0], math.dist(*corners[:2])
        return x - radius, y - radius, x + radius, y + radius
    return hull_of_points(corners)


def _joined(shapes: Iterator[_Shape]) -> Iterator[_Shape]:
    """Yield the objects of a file, of several parts with one name and group their common hull."""
    groups: dict[tuple[str, str], list[_Shape]] = {}
    for shape in shapes:
        if shape.group is None:
            yield shape
        else:
            groups.setdefault((shape.name, str(shape.group)), []).append(shape)
    for members in groups.values():
        box = hull_of_points(corner for member in members for corner in (member.box[:2], member.box[2:]))
        yield members[0]._replace(box=box, difficult=all(member.difficult for member in members))


def _load(folder: Path) -> NamedContent:
    """Read the files in a folder; BadInput where none of their images is found."""
    content = _Files(folder)
    content.add_files()
    try:
        found = content.find_images(AnnotationFile(folder / content.files[0]))
    except BadInput:
        if len(content.embedded) < len(content.images) or not content.embedded:
            raise
        raise BadInput(
            f"{folder}: the images are in `imageData` of the JSON files only. Write each to the file that its "
            "`imagePath` names."
        ) from None
    _drop_embedded(content, found)
    _resolve(content)
    return content


def _resolve(content: NamedContent) -> None:
    """Write the paths of images without "..", which leads from a folder of JSON files to that of the images."""
    names = content.images.names
    if any(".." in name for name in names):
        paths = [os.path.normpath(os.path.join(content.folder, name)) for name in names]
        content.folder = os.path.commonpath([os.path.dirname(path) for path in paths])
        content.images.names = Texts(os.path.relpath(path, content.folder) for path in paths)


def _drop_embedded(content: _Files, found: np.ndarray) -> None:
    """Report and leave out images that are not found, bool [R], because they are in their JSON files only."""
    lost = np.array([row for row in content.embedded if not found[row]], np.int64)
    content.problems.add_many(
        "embedded image",
        lost,
        lambda row: (content.locate_image(row), "the image is in `imageData` only"),
        "left out with its boxes. Write it to the file that `imagePath` names",
    )
    if len(lost):
        boxes = int(np.isin(content.boxes.table["row"], lost).sum())
        content.problems.images_total += len(lost)
        content.problems.lost_images += len(lost)
        content.problems.boxes_total += boxes
        content.problems.lost_boxes += boxes
        content.select_images(np.setdiff1d(np.arange(len(content.images)), lost))


READER = FolderFormat(
    name="LabelMe JSON",
    folder="LabelMe files",
    files="*.json, or train|valid|test/*.json",
    holds_files=lambda folder: holds_some(folder, ".json", is_labelme),
    load=_load,
    suffix=".json",
).reader()
