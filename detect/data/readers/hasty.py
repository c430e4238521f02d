"""Hasty's JSON, versions 1.0 and 1.1: the images of a project, each with its labels.

    {"export_format_version": "1.1", "label_classes": [{"class_name": "car", "class_type": "object"}],
     "images": [{"image_name": "a.jpg", "dataset_name": "train", "width": 40, "height": 20, "image_status": "DONE",
                 "labels": [{"class_name": "car", "bbox": [10, 5, 30, 15], "polygon": null, "mask": null}]}]}

Source: "Hasty JSON v1.1" of hasty.ai, and github.com/cloudfactory/hasty-python for the order of the numbers of a box:
x1, y1, x2, y2 in pixels. A label without a box is replaced by the upright hull of its polygon; one that has only a mask
is lost. Labels of classes of the type "background" are not objects, and are counted in a note. Images that are new or
were skipped, and have no labels, are left out and counted. The order of the classes is that of the file.

An image belongs to the split that its `dataset_name` speaks of, else to that of the file. Images lie in folders of
these names, or in one.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.assembly.assembling import attempt
from detect.data.readers.assembly.hulls import Box, hull_of_points
from detect.data.readers.files.json_stream import first_members, read_members
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.locating import split_named
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.readers.kinds.split_format import SplitFormat
from detect.errors import BadInput

_CLASSES = "label_classes"
_UNLABELLED = ("new", "skipped")


def is_hasty(path: Path) -> bool:
    """Return whether a JSON file has the list `label_classes` before its images; BadInput where it is not JSON."""
    for name, value in first_members(path):
        if name == _CLASSES:
            return isinstance(value, Iterator)
        if name in (None, "images", "annotations"):
            break
    return False


def load_hasty(file: AnnotationFile, split: str) -> Mapping[str, NamedContent | BadInput]:
    """Return the content of each split, or why it has none; images of no other one are of `split`."""
    contents: dict[str, _Images] = {}
    classes: dict[str, bool] = {}
    for member, value in read_members(file.path):
        elements = value if isinstance(value, Iterator) else ()
        if member == _CLASSES:
            classes = _classes(elements)
        for number, image in enumerate(elements if member == "images" else ()):
            name = split_named(str(_dataset(image))) or split
            contents.setdefault(name, _Images(file.path, classes)).add_entry(number, image)
    return {name: attempt(partial(_with_images, content, file)) for name, content in contents.items()}


def _with_images(content: "_Images", file: AnnotationFile) -> NamedContent:
    content.find_images(file)
    return content


def _classes(elements: Any) -> dict[str, bool]:
    """Return the names of the classes, and whether they are of objects."""
    stated = [element for element in elements if isinstance(element, dict)]
    named = [element for element in stated if isinstance(element.get("class_name"), str)]
    return {element["class_name"].strip(): element.get("class_type") != "background" for element in named}


def _dataset(image: Any) -> Any:
    return image.get("dataset_name") if isinstance(image, dict) else None


class _Images(NamedContent):
    """The content of a split; entries are images of the file."""

    def __init__(self, path: Path, classes: Mapping[str, bool]):
        super().__init__(path)
        self.order = tuple(name for name, is_object in classes.items() if is_object)
        self._background = {name for name, is_object in classes.items() if not is_object}

    def add_entry(self, number: int, image: Any) -> None:
        """Add an image and its objects, or report why that is not possible."""
        members = image if isinstance(image, dict) else {}
        name, labels = members.get("image_name"), members.get("labels")
        if not can_name_file(name) or not isinstance(labels, list):
            self.drop_image(number, f"expected an 'image_name' and 'labels', found {image!r:.120}")
            return
        if not labels and str(members.get("image_status")).lower() in _UNLABELLED:
            self.counts["images that have no labels yet, or were skipped, are left out"] += 1
            return
        folder = _dataset(members)
        row = self.add_image(f"{folder}/{name}" if can_name_file(folder) else name, number, stated_size(members))
        for position, stated in enumerate(labels):
            self._add_label(row, position, stated)

    def _add_label(self, row: int, position: int, stated: Any) -> None:
        try:
            name, is_hull = class_name(stated["class_name"]), not stated.get("bbox")
            if name in self._background:
                self.counts["labels of the background are not objects and are left out"] += 1
                return
            box = hull_of_points(stated["polygon"]) if is_hull else _box(stated["bbox"])
        except MALFORMED:
            self.drop_box(row, position, f"expected a 'class_name', and a 'bbox' or a 'polygon', found {stated!r:.120}")
            return
        if is_hull:
            self.counts["polygons are replaced by their upright hulls"] += 1
        self.add_box(row, position, box, name)


def _box(stated: Any) -> Box:
    x1, y1, x2, y2 = map(float, stated)
    return x1, y1, x2, y2


READER = SplitFormat(
    name="Hasty JSON",
    file="a Hasty JSON",
    folder="Hasty files",
    suffixes=(".json",),
    content="`label_classes` and `images`",
    recognises=is_hasty,
    load=load_hasty,
).reader()
