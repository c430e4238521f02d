"""V7 Darwin JSON, versions 1.0 and 2.0: a file per image, with what it is of and its `annotations`.

    {"version": "2.0", "item": {"name": "a.jpg", "path": "/", "slots": [{"width": 40, "height": 20}]},
     "annotations": [{"name": "car", "bounding_box": {"x": 10, "y": 5, "w": 20, "h": 10}}]}

    {"dataset": "cars", "image": {"original_filename": "a.jpg", "path": "/", "width": 40, "height": 20},
     "annotations": [{"name": "car", "bounding_box": {"x": 10, "y": 5, "w": 20, "h": 10}}]}

Source: "Darwin JSON Format" and "Darwin JSON 1.0" of docs.v7labs.com, and github.com/v7labs/darwin-py. Pixels are
counted from the upper left corner. Polygons, lines and ellipses are replaced by their upright hulls. V7 does not state
the unit of an ellipse's angle; its example, 0.57, is taken for radians. Tags, key points and other annotations are not
objects, and are counted in a note; masks without a box are lost, and so are the frames of videos.

Images are in `images`, beside the files or up to three folders above them, where Darwin's own program puts them. All
files of a folder are the training split, unless they lie in folders that are named after splits.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect.data.readers.assembly.annotations import NO_SIZE, stated_size
from detect.data.readers.assembly.hulls import Box, hull_of_ellipse, hull_of_points
from detect.data.readers.files.json_stream import first_members, read_whole
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.folder_format import FolderContent, FolderFormat, holds_some
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name

_LEVELS = 3  # above a folder of files, in which `images` may be
# Members that annotations of objects have, and those of them that are lists of points.
_OBJECTS = ("bounding_box", "polygon", "complex_polygon", "ellipse", "line", "mask")
_PATHS = ("polygon", "complex_polygon", "line")
_SUBJECTS = ("item", "image")  # members that name the image, in version 2.0 and in 1.0
_NAMES = ("name", "original_filename", "filename")  # by which they do


def _is_darwin(path: Path) -> bool:
    """Return whether a JSON file names an image before its annotations; BadInput where it is not JSON."""
    for name, value in first_members(path):
        if name in _SUBJECTS:
            return isinstance(value, dict) and not value.keys().isdisjoint(_NAMES)
        if name is None or isinstance(value, Iterator):
            break
    return False


class _Files(FolderContent):
    """The content of the files in a folder."""

    def add_file(self, entry: int, path: Path) -> None:
        content = read_whole(path)
        item, annotations = content.get("item") or content.get("image"), content.get("annotations")
        name = _image_name(item)
        if name is None or not isinstance(annotations, list):
            self.drop_image(entry, f"expected the name of an image, and 'annotations', found {item!r:.120}")
            return
        row = self.add_image(name, entry, _size(item))
        for position, stated in enumerate(annotations):
            self._add_object(row, position, stated)

    def _add_object(self, row: int, position: int, stated: Any) -> None:
        if isinstance(stated, dict) and "frames" not in stated and not stated.keys() & set(_OBJECTS):
            self.counts["annotations without a box or polygon are left out"] += 1
            return
        try:
            (box, is_hull), name = _box(stated), class_name(stated["name"])
        except MALFORMED:
            self.drop_box(
                row, position, f"expected a 'name', and a box, a polygon or an ellipse, found {stated!r:.120}"
            )
            return
        if is_hull:
            self.counts["polygons, lines and ellipses are replaced by their upright hulls"] += 1
        self.add_box(row, position, box, name)


def _image_name(item: Any) -> str | None:
    """Return the path of the image of an item, None where it has none."""
    members = item if isinstance(item, dict) else {}
    name, folder = next(filter(None, map(members.get, _NAMES)), None), members.get("path")
    if not can_name_file(name):
        return None
    inside = folder.strip("/") if can_name_file(folder) else ""
    return f"{inside}/{name}" if inside else name


def _size(item: Any) -> tuple[int, int]:
    slots = item.get("slots", [item])
    return stated_size(slots[0]) if isinstance(slots, list) and len(slots) == 1 else NO_SIZE


def _box(stated: dict[str, Any]) -> tuple[Box, bool]:
    """Return the box of an object, and whether it is a hull; that of a polygon is stated, too.

    Raises:
        TypeError, ValueError, KeyError, OverflowError: it has none.
    """
    if "bounding_box" in stated:
        x, y, width, height = (float(stated["bounding_box"][key]) for key in ("x", "y", "w", "h"))
        return (x, y, x + width, y + height), not stated.keys().isdisjoint(_OBJECTS[1:])
    if "ellipse" in stated:
        (x, y), radii = (_point(stated["ellipse"][key]) for key in ("center", "radius"))
        return hull_of_ellipse(x, y, radii, float(stated["ellipse"].get("angle") or 0)), True
    return hull_of_points(_points(next((stated[name] for name in _PATHS if name in stated), {}))), True


def _points(shape: dict[str, Any]) -> Iterator[tuple[float, float]]:
    """Yield the points of a shape; they are in a list or in several, and those of parts in a member of their own."""
    paths = [path for name in ("paths", "path", "additional_paths") for path in shape.get(name) or []]
    for path in paths:
        yield from map(_point, path if isinstance(path, list) else [path])


def _point(stated: dict[str, Any]) -> tuple[float, float]:
    return float(stated["x"]), float(stated["y"])


def _load(folder: Path) -> NamedContent:
    """Read the files in a folder; BadInput where none of their images is found."""
    content = _Files(folder, ".json")
    content.add_files()
    above = (parent / "images" for parent in list(folder.parents)[:_LEVELS])
    beside = None if (folder / "images").is_dir() else next((path for path in above if path.is_dir()), None)
    content.find_images(AnnotationFile(folder / content.files[0], beside))
    return content


READER = FolderFormat(
    name="V7 Darwin JSON",
    folder="V7 Darwin files",
    files="*.json, or train|valid|test/*.json",
    holds_files=lambda folder: holds_some(folder, ".json", _is_darwin),
    load=_load,
    suffix=".json",
).reader()
