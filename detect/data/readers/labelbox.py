"""Labelbox's export (version 2): a line, or an element of a list, for each image.

    {"data_row": {"external_id": "a.jpg", "row_data": "https://host/a.jpg"},
     "media_attributes": {"width": 40, "height": 20},
     "projects": {"clx1": {"labels": [{"annotations": {"objects": [
         {"name": "car", "annotation_kind": "ImageBoundingBox",
          "bounding_box": {"top": 5, "left": 10, "height": 10, "width": 20}}
     ]}}]}}}

Source: "Export image annotations" and "Export overview" of docs.labelbox.com. Pixels are counted from the upper left
corner. Polygons and lines are replaced by their upright hulls; points are not objects and are counted in a note; masks
are only addresses, and lost. Of several labels of an image, the newest counts. Images without a label are left out and
counted.

An image is named by `external_id` or `global_key`, where that is the name of an image, or else by its address. All
images of a file are the split that its name speaks of, else "train".
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.assembly.hulls import Box, hull_of_points
from detect.data.readers.files.json_lines import first_json_line, read_json_lines
from detect.data.readers.files.json_stream import first_element, read_elements
from detect.data.readers.images.addresses import path_in_address
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name, stated_time
from detect.data.readers.kinds.split_format import SplitFormat, one_split
from detect.errors import BadInput

_NAMES = ("external_id", "global_key")


def is_labelbox(path: Path) -> bool:
    """Return whether the first entry is an image of Labelbox; BadInput where the file cannot be parsed."""
    entry = first_element(path) if _is_list(path) else first_json_line(path)
    return isinstance(entry, dict) and ({"data_row", "projects"} <= entry.keys() or _is_first_version(entry))


def load_labelbox(file: AnnotationFile) -> NamedContent:
    """Read a file; BadInput where it is not Labelbox's, or none of its images is found."""
    content = _Rows(file.path)
    for number, entry in _entries(file.path):
        content.add_entry(number, entry)
    content.find_images(file)
    return content


def _is_list(path: Path) -> bool:
    return path.suffix.lower() == ".json"


def _is_first_version(entry: Any) -> bool:
    return isinstance(entry, dict) and {"Labeled Data", "Label"} <= entry.keys()


def _entries(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the entries with their numbers: those of lines count from 1, those of elements from 0."""
    if _is_list(path):
        return enumerate(read_elements(path, "a list of images with 'data_row', as Labelbox exports it"))
    return read_json_lines(path)


class _Rows(NamedContent):
    """The content of a file; entries are data rows."""

    def place(self, entry: int) -> str:
        return super().place(entry) if _is_list(self.path) else f"{self.path}:{entry}"

    def add_entry(self, number: int, entry: Any) -> None:
        """Add the image and the objects of an entry, or report why that is not possible."""
        if _is_first_version(entry):
            raise BadInput(
                f"{self.path} is an export of Labelbox's first version, which had several forms. Export the project "
                "again: Labelbox now writes NDJSON with `data_row`."
            )
        members = entry if isinstance(entry, dict) else {}
        name = _name(members.get("data_row"))
        if name is None:
            self.drop_image(number, f"expected a 'data_row' that names an image, found {entry!r:.120}")
            return
        objects = self._objects(members.get("projects"))
        if objects is None:
            self.counts["images without a label are left out"] += 1
            return
        row = self.add_image(name, number, stated_size(members.get("media_attributes")))
        for position, stated in enumerate(objects):
            self._add_object(row, position, stated)

    def _objects(self, projects: Any) -> list[Any] | None:
        """Return the objects of the label that counts; None where there is none."""
        stated = (
            [project for project in projects.values() if isinstance(project, dict)]
            if isinstance(projects, dict)
            else []
        )
        lists = [project["labels"] for project in stated if isinstance(project.get("labels"), list)]
        labels = [label for found in lists for label in found if isinstance(label, dict)]
        if not labels:
            return None
        if len(labels) > 1:
            self.counts["where images have several labels, the newest is taken"] += 1
        annotations = max(labels, key=lambda label: stated_time(label.get("label_details"))).get("annotations")
        objects = annotations.get("objects") if isinstance(annotations, dict) else None
        return objects if isinstance(objects, list) else []

    def _add_object(self, row: int, position: int, stated: Any) -> None:
        if isinstance(stated, dict) and "point" in stated:
            self.counts["points are not objects and are left out"] += 1
            return
        try:
            (box, is_hull), name = _box(stated), class_name(stated["name"])
        except MALFORMED as error:
            self.drop_box(row, position, f"expected a 'name', and a box or a polygon, found {stated!r:.120} ({error})")
            return
        if is_hull:
            self.counts["polygons and lines are replaced by their upright hulls"] += 1
        self.add_box(row, position, box, name)


def _name(data_row: Any) -> str | None:
    """Return the name of an image, None where there is none."""
    if not isinstance(data_row, dict):
        return None
    given = (data_row.get(key) for key in _NAMES)
    named = (name for name in given if isinstance(name, str) and is_image_name(path_in_address(name)))
    name = path_in_address(str(next(named, data_row.get("row_data") or "")))
    return name if can_name_file(name) else None


def _box(stated: dict[str, Any]) -> tuple[Box, bool]:
    """Return the box of an object, and whether it is a hull.

    Raises:
        TypeError, ValueError, KeyError, OverflowError: it has none.
    """
    if "bounding_box" in stated:
        left, top, width, height = (float(stated["bounding_box"][key]) for key in ("left", "top", "width", "height"))
        return (left, top, left + width, top + height), False
    if "mask" in stated or "composite_mask" in stated:
        raise ValueError("masks are not in the export: label with boxes or polygons")
    points = stated["polygon"] if "polygon" in stated else stated["line"]
    return hull_of_points((float(point["x"]), float(point["y"])) for point in points), True


READER = SplitFormat(
    name="Labelbox",
    file="a Labelbox export",
    folder="Labelbox exports",
    suffixes=(".ndjson", ".json"),
    content="images with `data_row` and `projects`",
    recognises=is_labelbox,
    load=one_split(load_labelbox),
).reader()
