"""VGG Image Annotator (VIA): projects of VIA 2 and 3, and the annotations that VIA 1 and 2 export as JSON and as CSV.

    {"a.jpg5120": {"filename": "a.jpg", "size": 5120, "file_attributes": {}, "regions": [
        {"shape_attributes": {"name": "rect", "x": 10, "y": 5, "width": 20, "height": 10},
         "region_attributes": {"class": "car"}}
    ]}}

Source: the code documentation and the source of VIA. A project of VIA 2 has this in `_via_img_metadata`. The CSV has a
row per region, in which the shape and the attributes are JSON:

    filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes

The class of a region is its only attribute, whatever its name. Of several, it is the one whose name has `class`,
`label` or `category` in it; where that is none or more than one, the file is refused. Where no region has an attribute,
all are of one class. A project states the options of attributes, in the order of the classes. Polygons, polylines,
circles and ellipses are replaced by their upright hulls; points are not objects, and are counted in a note.

All images of a file are the split that its name speaks of, else that of its folder, else "train".
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from detect.data.readers.images.addresses import path_in_address
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent
from detect.data.readers.kinds.split_format import SplitFormat, one_split
from detect.data.readers.via.via_files import Entry, Options, is_table, is_via, open_via
from detect.data.readers.via.via_regions import box_of, class_attribute, class_of, stated_attributes
from detect.errors import BadInput

_ONLY_CLASS = "object"  # where regions have no attributes


def load_via(file: AnnotationFile) -> NamedContent:
    """Read a file; BadInput where it is not VIA's, its classes are not clear, or none of its images is found."""
    content = _Images(file.path)
    entries, options = open_via(file.path)
    content.choose_class(entries(), options)
    for entry in entries():
        content.add_entry(entry)
    content.finish()
    content.find_images(file)
    return content


class _Images(NamedContent):
    """The content of a file; entries are images, or the lines of a table."""

    def __init__(self, path: Path):
        super().__init__(path)
        self._is_table = is_table(path)
        self._attribute = ""  # that is the class; empty where regions have none
        self._options: Mapping[str, Any] = {}

    def place(self, entry: int) -> str:
        return f"{self.path}:{entry}" if self._is_table else super().place(entry)

    def choose_class(self, read: Iterable[Entry], options: Options) -> None:
        """Find the attribute that is the class; BadInput where that is not clear.

        Args:
            read: the entries of the file.
            options: of its attributes.
        """
        used = Counter(name for entry in read for region in entry.regions for name in stated_attributes(region[1]))
        if not used:
            self.notes.append(f"{self.path.name}: regions have no attributes: all are of the class {_ONLY_CLASS!r}")
            return
        try:
            self._attribute = class_attribute(used)
        except ValueError as error:
            raise BadInput(f"{self.path}: {error}.") from None
        others = ", ".join(repr(name) for name in used if name != self._attribute)
        left_out = f"; {others} are not read" if others else ""
        self.notes.append(f"{self.path.name}: the class is the attribute {self._attribute!r}{left_out}")
        self._options = options.get(self._attribute, {})

    def add_entry(self, entry: Entry) -> None:
        """Add the image and the objects of an entry, or report why that is not possible."""
        if not can_name_file(entry.name):
            self.drop_image(entry.number, f"expected the 'filename' of an image, found {entry.name!r:.120}")
            return
        row = self.add_image(path_in_address(entry.name.strip()), entry.number)
        for position, (shape, attributes) in enumerate(entry.regions):
            if isinstance(shape, dict) and shape.get("name") == "point":
                self.counts["points are not objects and are left out"] += 1
            elif shape or attributes:
                self._add_region(row, position, shape, attributes)

    def finish(self) -> None:
        """Join the rows of an image, and take the order of the classes from the options."""
        if self._is_table:
            self.join_images()
        self.order_classes(class_of(option, self._options) for option in self._options if option.strip())

    def _add_region(self, row: int, position: int, shape: Any, attributes: Any) -> None:
        try:
            box, is_hull = box_of(shape)
            name = class_of(attributes[self._attribute], self._options) if self._attribute else _ONLY_CLASS
        except MALFORMED as error:
            what = f"expected a shape and the attribute {self._attribute!r}, found {shape!r:.120}, {attributes!r:.120}"
            self.drop_box(row, position, f"{what} ({error})")
            return
        if is_hull:
            self.counts["polygons, circles and other shapes are replaced by their upright hulls"] += 1
        self.add_box(row, position, box, name)


READER = SplitFormat(
    name="VGG Image Annotator",
    file="a VIA file",
    folder="VIA files",
    suffixes=(".json", ".csv"),
    content="images with `regions`, alone or in a project, or VIA's columns",
    recognises=is_via,
    load=one_split(load_via),
).reader()
