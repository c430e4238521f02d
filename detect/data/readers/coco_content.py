"""The content of a COCO truth file: its images and boxes, packed as they are read, and what is malformed among them.

Members may come in any order, so a box keeps the ids of its image and category until the whole file is read.
"""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.problems import Problems
from detect.data.readers.annotations import NO_AREA, NO_SIZE, StatedBoxes, StatedImages, flag
from detect.data.readers.json_stream import read_members
from detect.errors import BadInput

_NO_ID = -(2**63)  # stands for what is not an integer of 64 bits
_NOWHERE = (0.0, 0.0, 0.0, 0.0)
_LARGEST_AREA = 1e300  # square pixels; JSON has integers for which there is no float


@dataclass
class CocoContent:
    """The statements of a file: its image files are not looked at yet, and categories are not labels yet."""

    path: Path
    images: StatedImages = field(default_factory=StatedImages)  # those well formed, no id twice
    # One per entry; `row` is the id of the image, `label` the id of the category.
    boxes: StatedBoxes = field(default_factory=StatedBoxes)
    malformed: array = field(default_factory=partial(array, "q"))  # positions of the entries that are not boxes
    categories: Any = None  # as in the file
    problems: Problems = field(default_factory=Problems)

    def used_categories(self) -> set[int]:
        """Return the ids of the categories that boxes have."""
        return set(np.unique(self.boxes.table["label"]).tolist())


def load_coco(path: Path) -> CocoContent:
    """Read a COCO truth file; BadInput where it is something else."""
    content, found = CocoContent(path), {}
    for name, value in read_members(path):
        kind = list if isinstance(value, Iterator) else type(value)
        if name is None and kind is list:
            raise BadInput(f"{path}: expected COCO annotations, found a list, as results files are.")
        if name in found and name in ("images", "annotations", "categories"):
            raise BadInput(f"{path}: expected one list {name!r}, found two. Join them.")
        found[name or kind.__name__] = kind
        if name == "images" and kind is list:
            _read_images(value, content)
        elif name == "annotations" and kind is list:
            _read_boxes(value, content)
        elif name == "categories":
            content.categories = list(value) if kind is list else value
    if any(found.get(key) is not list for key in ("images", "annotations")):
        names = ", ".join(found)
        raise BadInput(f"{path}: expected COCO annotations with lists 'images' and 'annotations', found: {names}.")
    return content


def take_boxes(content: CocoContent, labels: Mapping[int, int]) -> StatedBoxes:
    """Take the boxes out of `content`, by row of its images and by label.

    Malformed boxes, and those of images and categories that are not known, are reported and left out.

    Args:
        content: the content of a file; its boxes are gone afterwards.
        labels: category id -> label.
    """
    boxes, content.boxes = content.boxes, StatedBoxes()
    table = boxes.table
    table["row"] = _positions(table["row"], content.images.ids)
    known = np.array([*labels], np.int64)
    positions = _positions(table["label"], known)
    table["label"] = np.append(np.array([*labels.values()], np.int64), -1)[positions]  # the last is for position -1
    bad = (table["row"] < 0) | (table["label"] < 0)
    bad[np.array(content.malformed, np.int64)] = True
    if not bad.any():
        return boxes
    _report(content, table, bad)
    return boxes.select(~bad)


def locate_box(path: Path, number: int) -> str:
    """Return where the box with this `number` is stated, for messages."""
    return f"{path}: annotation {number}" if number >= 0 else f"{path}: annotation entry {-1 - number}"


def _read_images(entries: Iterator[Any], content: CocoContent) -> None:
    images, problems = StatedImages(), content.problems
    for position, entry in enumerate(entries):
        if _is_image(entry):
            images.append(entry["file_name"], entry["id"], _stated_size(entry))
            continue
        images.append("", _NO_ID)  # so that the row of an image is the position of its entry
        what = f"expected an integer 'id' of at most 64 bits and a 'file_name', found {entry!r:.120}"
        problems.images_total += 1
        problems.add("malformed image entry", _image_entry(content, position), what, "left out", images=1)
    first = _first_of_ids(images.ids)
    own = first == np.arange(len(first))
    malformed = images.ids == _NO_ID
    _report_repeated(content, images, first, np.flatnonzero(~own & ~malformed))
    good = own & ~malformed
    content.images = images if good.all() else images.select(np.flatnonzero(good))


def _is_image(entry: Any) -> bool:
    return isinstance(entry, dict) and _whole(entry.get("id")) and _is_name(entry.get("file_name"))


def _whole(value: Any) -> bool:
    return type(value) is int and abs(value) < 2**63


def _is_name(value: Any) -> bool:
    """Return whether a value can be the name of a file: one with lone surrogates or null characters cannot."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        return False
    try:
        return bool(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return False


def _stated_size(entry: dict) -> tuple[int, int]:
    width, height = entry.get("width"), entry.get("height")
    return (width, height) if type(width) is int and type(height) is int else NO_SIZE


def _first_of_ids(ids: np.ndarray) -> np.ndarray:
    """Return for each of ids [n] the position where it first occurs, int64 [n]."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    first = np.empty(len(ids), np.int64)
    first[order] = order[np.searchsorted(ordered, ordered)]
    return first


def _report_repeated(content: CocoContent, images: StatedImages, first: np.ndarray, repeated: np.ndarray) -> None:
    def describe(row: int) -> tuple[str, str]:
        what = f"id {images.ids[row]} is already {images.names[int(first[row])]!r}"
        return _image_entry(content, row), what

    content.problems.images_total += len(repeated)
    content.problems.lost_images += len(repeated)
    content.problems.add_many("repeated image id", repeated, describe, "left out")


def _image_entry(content: CocoContent, position: int) -> str:
    return f"{content.path}: image entry {position}"


def _read_boxes(entries: Iterator[Any], content: CocoContent) -> None:
    for position, entry in enumerate(entries):
        if not _read_box(entry, position, content.boxes):
            content.malformed.append(position)


def _read_box(entry: Any, position: int, boxes: StatedBoxes) -> bool:
    """Add the box of an entry, or one that stands for it; return whether the entry has a box."""
    if not isinstance(entry, dict):
        boxes.append(_NO_ID, position, _NOWHERE, _NO_ID, False, NO_AREA)
        return False
    image, category, number = _id(entry.get("image_id")), _id(entry.get("category_id")), _number(entry, position)
    try:
        x, y, width, height = map(float, entry["bbox"])
    except (TypeError, ValueError, KeyError, OverflowError):
        boxes.append(image, number, _NOWHERE, category, False, NO_AREA)
        return False
    box = (x, y, x + width, y + height)
    boxes.append(image, number, box, category, bool(flag(entry.get("iscrowd"))), _area(entry))
    return True


def _number(entry: dict, position: int) -> int:
    """Return the number by which `locate_box` finds the entry: its own id if it has one, else -1 minus its position."""
    number = entry.get("id")
    return number if type(number) is int and 0 <= number < 2**63 else -1 - position


def _area(entry: dict) -> float:
    area = entry.get("area")
    return float(area) if isinstance(area, int | float) and abs(area) < _LARGEST_AREA else NO_AREA


def _id(value: Any) -> int:
    """Return an id as an integer, which some programs write as 7.0; _NO_ID for anything else."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return int(value) if isinstance(value, int) and abs(value) < 2**63 else _NO_ID


def _positions(ids: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the position of each of ids [n] in `known` [m], which are all different, or -1: int64 [n]."""
    if not len(known):
        return np.full(len(ids), -1, np.int64)
    order = np.argsort(known, kind="stable")
    ordered = known[order]
    places = np.minimum(np.searchsorted(ordered, ids), len(known) - 1)
    return np.where(ordered[places] == ids, order[places], -1)


def _report(content: CocoContent, table: np.ndarray, bad: np.ndarray) -> None:
    """Report the bad ones of the boxes. The file is read again for that: what they state was not kept."""
    content.problems.boxes_total += int(np.count_nonzero(bad))
    for position, entry in enumerate(_annotations(content.path)):
        if bad[position]:
            kind, what = _what_is_wrong(entry, table["row"][position] >= 0, table["label"][position] >= 0)
            number = entry.get("id") if isinstance(entry, dict) else None
            place = f"annotation {number}" if number else f"annotation entry {position}"
            content.problems.add(kind, f"{content.path}: {place}", what, "dropped", boxes=1)


def _annotations(path: Path) -> Iterator[Any]:
    for name, value in read_members(path):
        if name == "annotations":
            yield from value


def _what_is_wrong(entry: Any, image_known: bool, category_known: bool) -> tuple[str, str]:
    if not isinstance(entry, dict):
        return "malformed annotation", f"expected an object, found {entry!r:.80}"
    if not image_known:
        return "unknown image", f"image_id {entry.get('image_id')!r} is not among the images"
    if not category_known:
        return "unknown class", f"category_id {entry.get('category_id')!r} is not among the classes"
    return "malformed annotation", f"expected 'bbox' of four numbers, found {entry.get('bbox')!r:.80}"
