"""The content of annotation files, nothing checked: the images and boxes of one split, packed.

A dataset may have ten million boxes, and as Python objects an image and its box take more than a kilobyte. Here an
image takes 24 bytes and its name, and a box 65; NumPy sees them as arrays, without a copy.
"""

import os
import struct
from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from detect.data.looked_for import LookedFor
from detect.data.problems import Problems
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.assembly.ids import Keys, key
from detect.data.texts import Texts

NO_SIZE = (0, 0)
NO_AREA = float("nan")

_BOX = np.dtype(
    [("row", "<i8"), ("number", "<i8"), ("box", "<f8", (4,)), ("label", "<i8"), ("ignore", "?"), ("area", "<f8")]
)
_pack_box = struct.Struct("<qq4dq?d").pack

_FLAGS = {
    **dict.fromkeys(("", "0", "false", "no", "none", "null"), False),  # `None`, too: what is not stated is not so
    **dict.fromkeys(("1", "true", "yes"), True),
}


def flag(value: Any) -> bool | None:
    """Return what a flag such as `iscrowd` or `difficult` states, None where that is neither yes nor no.

    Tools write it as a boolean, as a number or as text ("0", "False", 1.0), and what they do not know as null or as
    "Unspecified", which is not a yes.
    """
    if type(value) is int:  # as in most files
        return bool(value) if value in (0, 1) else None
    return _FLAGS.get(str(value).strip().lower().removesuffix(".0"))


def stated_size(entry: Any, names: tuple[str, str] = ("width", "height")) -> tuple[int, int]:
    """Return the width and height of an image that an object of a JSON file states; NO_SIZE where it states none."""
    if not isinstance(entry, dict):
        return NO_SIZE
    width, height = entry.get(names[0]), entry.get(names[1])
    if type(width) is not int or type(height) is not int:  # in one of the other forms that ids have, too
        width, height = key(width), key(height)
    return (width, height) if isinstance(width, int) and isinstance(height, int) else NO_SIZE


class StatedImages:
    """The images of a split: R names, ids and stated sizes."""

    def __init__(self) -> None:
        self.names = Texts()
        self._ids, self._sizes = array("q"), array("i")

    def __len__(self) -> int:
        return len(self._ids)

    def append(self, name: str, image_id: int, size: tuple[int, int] = NO_SIZE) -> None:
        """Add an image; its size is the stated width and height, or NO_SIZE."""
        self.names.append(name)
        self._ids.append(image_id)
        self._sizes.extend(size if max(map(abs, size)) < 2**31 else NO_SIZE)

    @property
    def ids(self) -> np.ndarray:
        """The ids, int64 [R]; no image can be added while someone has this array or `sizes`."""
        return np.frombuffer(self._ids, np.int64)

    @property
    def sizes(self) -> np.ndarray:
        """The stated widths and heights, int32 [R, 2]."""
        return np.frombuffer(self._sizes, np.int32).reshape(-1, 2)

    def select(self, rows: np.ndarray) -> "StatedImages":
        """Return the images in `rows`, int64 [r], in that order."""
        chosen = StatedImages()
        chosen.names = self.names.select(rows)
        chosen._ids = array("q", self.ids[rows].tobytes())
        chosen._sizes = array("i", self.sizes[rows].tobytes())
        return chosen


class StatedBoxes:
    """The boxes of a split: M of them, in one table."""

    def __init__(self, table: np.ndarray | None = None):
        self._packed = bytearray() if table is None else bytearray(table.view(np.uint8))

    def __len__(self) -> int:
        return len(self._packed) // _BOX.itemsize

    def append(self, row: int, number: int, box: tuple, label: int, ignore: bool, area: float) -> None:
        """Add a box.

        Args:
            row: of its image.
            number: by which the reader finds where the box is stated.
            box: x1, y1, x2, y2.
            label: of its class.
            ignore: whether it is a region to be ignored.
            area: square pixels, or NO_AREA.
        """
        self._packed += _pack_box(row, number, *box, label, ignore, area)

    def extend(self, rows: Any, numbers: Any, boxes: np.ndarray, labels: Any, ignore: Any) -> None:
        """Add m boxes without areas: as `append` does, in columns [m] and `boxes` [m, 4]."""
        table = np.empty(len(boxes), _BOX)
        table["row"], table["number"], table["box"], table["label"] = rows, numbers, boxes, labels
        table["ignore"], table["area"] = ignore, NO_AREA
        self._packed += table.tobytes()

    @property
    def table(self) -> np.ndarray:
        """The boxes as a structured array [M], to be changed in place; no box can be added while someone has it.

        Its columns are the arguments of `append`.
        """
        return np.frombuffer(self._packed, _BOX)

    def select(self, rows: np.ndarray) -> "StatedBoxes":
        """Return the boxes in `rows`, which are positions [m] or a mask [M]."""
        return StatedBoxes(self.table[rows])


@dataclass
class Annotations:
    """One split as its files state it: R images, M boxes."""

    source: str  # the file that lists the images
    locate_image: Callable[[int], str]  # row -> where that image is named, for messages
    locate_box: Callable[[int], str]  # number of a box -> where it is stated
    form: Form = Form.CORNERS  # in which the files state boxes, to find out where they do not
    kept_form: Form = Form.CORNERS  # of the numbers in `boxes`: of readers that keep those of the files, for scoring
    fractions: bool = False  # boxes are fractions of the upright image's width and height, not pixels
    folder: str = ""  # to which the names of the images are relative, if they are not whole paths
    keys: Keys = field(default_factory=Keys)  # of which the ids of the images are the numbers
    images: StatedImages = field(default_factory=StatedImages)
    boxes: StatedBoxes = field(default_factory=StatedBoxes)
    problems: Problems = field(default_factory=Problems)  # those met while reading
    looked_for: LookedFor | None = None  # in each image; None where that is every class in every image

    def add_image(self, path: str, image_id: int, size: tuple[int, int] = NO_SIZE) -> int:
        """Add an image and return its row."""
        self.images.append(path, image_id, size)
        return len(self.images) - 1

    def add_box(self, row: int, box: tuple, label: int, ignore: bool = False, area: float = NO_AREA) -> None:
        """Add a box; its number is the count of boxes before it.

        Args:
            row: of its image, as `add_image` returned it.
            box: x1, y1, x2, y2.
            label: of its class.
            ignore: whether it is a region to be ignored.
            area: square pixels; NO_AREA for the area of the box itself.
        """
        self.boxes.append(row, len(self.boxes), box, label, ignore, area)

    def path(self, row: int) -> str:
        """Return the path of the image in `row`."""
        return os.path.join(self.folder, self.images.names[row])

    def paths(self) -> Iterator[str]:
        """Yield the paths of all images: faster than row by row."""
        return (os.path.join(self.folder, name) for name in self.images.names)
