"""V7 Darwin JSON 2.0: a file per image, with its `item` and its `annotations`.

    {"version": "2.0", "item": {"name": "a.jpg", "path": "/", "slots": [{"width": 40, "height": 20}]},
     "annotations": [{"name": "car", "bounding_box": {"x": 10, "y": 5, "w": 20, "h": 10}}]}

Source: "Darwin JSON Format" of docs.v7labs.com. Pixels are counted from the upper left corner. Polygons, lines and
ellipses are replaced by their upright hulls. Tags, key points and other annotations are not objects, and are counted in
a note; masks without a box are lost, and so are the frames of videos.

Images are in `images`, beside the files or up to three folders above them, where Darwin's own program puts them. All
files of a folder are the training split, unless they lie in folders that are named after splits.
"""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from detect.data.dataset import Dataset
from detect.data.readers.assembly.annotations import NO_SIZE, stated_size
from detect.data.readers.assembly.hulls import Box, hull_of_ellipse, hull_of_points
from detect.data.readers.files.json_stream import read_members, read_whole
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.locating import parts
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.named_content import NamedContent, assemble_named, class_name, load_parts
from detect.data.readers.reader import DatasetFolder, Reader
from detect.data.texts import Texts
from detect.errors import BadInput

FORMAT = "V7 Darwin JSON"
_LOOKED_AT = 20  # JSON files in a folder of which one has to be V7's
_LEVELS = 3  # above a folder of files, in which `images` may be
_OBJECTS = ("bounding_box", "polygon", "ellipse", "line", "mask")  # members that annotations of objects have
_MALFORMED = (TypeError, ValueError, KeyError, OverflowError)


def holds_darwin(folder: Folder) -> bool:
    """Return whether there are files of V7 in a folder, or in those inside it that are named after splits."""
    return bool(parts(folder, _holds_files))


def read_darwin(folder: Path) -> Dataset:
    """Read the files in a folder, else those in the folders inside it that are named after splits.

    Raises:
        BadInput: two folders are of one split, no object is annotated, or no split has images.
    """
    return assemble_named(folder, FORMAT, load_parts(folder, _holds_files, _load))


def _holds_files(folder: Folder) -> bool:
    return any(map(_is_darwin, islice(folder.files_with((".json",)), _LOOKED_AT)))


def _is_darwin(path: Path) -> bool:
    """Return whether a file is JSON and has an `item` with a name before its annotations."""
    try:
        for name, value in read_members(path):
            if name == "item":
                return isinstance(value, dict) and "name" in value
            if name is None or isinstance(value, Iterator):
                break
    except BadInput:
        pass
    return False


class _Files(NamedContent):
    """The content of the files in a folder; entries are files."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.files = Texts(path.name for path in Folder(folder).files_with((".json",)))
        self._counts: Counter[str] = Counter()  # by what is said of them in a note

    def place(self, entry: int) -> str:
        return os.path.join(self.path, self.files[entry])

    def add_file(self, entry: int) -> None:
        """Add the image and the objects of a file, or report why it cannot be read."""
        try:
            content = read_whole(Path(self.place(entry)))
        except BadInput as error:
            self.drop_image(entry, str(error))
            return
        item, annotations = content.get("item"), content.get("annotations")
        name = _image_name(item)
        if name is None or not isinstance(annotations, list):
            self.drop_image(entry, f"expected an 'item' with a name, and 'annotations', found {item!r:.120}")
            return
        row = self.add_image(name, entry, _size(item))
        for position, stated in enumerate(annotations):
            self._add_object(row, position, stated)

    def finish(self) -> None:
        """Say what was decided."""
        self.notes += [f"{self.path.name}: {count} {what}" for what, count in self._counts.items()]

    def _add_object(self, row: int, position: int, stated: Any) -> None:
        if isinstance(stated, dict) and "frames" not in stated and not stated.keys() & set(_OBJECTS):
            self._counts["annotations have no box or polygon and are left out"] += 1
            return
        try:
            (box, is_hull), name = _box(stated), class_name(stated["name"])
        except _MALFORMED:
            self.drop_box(
                row, position, f"expected a 'name', and a box, a polygon or an ellipse, found {stated!r:.120}"
            )
            return
        if is_hull:
            self._counts["objects are polygons, lines or ellipses: their upright hulls are taken"] += 1
        self.add_box(row, position, box, name)


def _image_name(item: Any) -> str | None:
    """Return the path of the image of an item, None where it has none."""
    name, folder = (item.get(key) for key in ("name", "path")) if isinstance(item, dict) else (None, None)
    if not can_name_file(name):
        return None
    inside = folder.strip("/") if can_name_file(folder) else ""
    return f"{inside}/{name}" if inside else name


def _size(item: Any) -> tuple[int, int]:
    slots = item.get("slots")
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
    paths = stated["polygon"]["paths"] if "polygon" in stated else [stated["line"]["path"]]
    return hull_of_points(_point(point) for path in paths for point in path), True


def _point(stated: dict[str, Any]) -> tuple[float, float]:
    return float(stated["x"]), float(stated["y"])


def _load(folder: Path, _split: str) -> NamedContent:
    """Read the files in a folder; BadInput where none of their images is found."""
    content = _Files(folder)
    for entry in range(len(content.files)):
        content.add_file(entry)
    content.finish()
    above = (parent / "images" for parent in list(folder.parents)[:_LEVELS])
    beside = None if (folder / "images").is_dir() else next((path for path in above if path.is_dir()), None)
    content.find_images(AnnotationFile(folder / content.files[0], beside))
    return content


READER = Reader(
    folders=(DatasetFolder("V7 Darwin files", "*.json, or train|valid|test/*.json", holds_darwin, read_darwin, False),)
)
