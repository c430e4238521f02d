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
from detect.data.readers.assembly.annotations import NO_AREA, StatedBoxes, StatedImages, flag, stated_size
from detect.data.readers.assembly.ids import NO_NUMBER, Key, Keys, key, positions
from detect.data.readers.assembly.segmentation import stands_for_box, stated_area, stated_box
from detect.data.readers.coco.coco_files import RESULTS, is_detection
from detect.data.readers.coco.coco_looked_for import LookedForLists
from detect.data.readers.files.json_stream import read_members
from detect.data.readers.images.named_images import can_name_file
from detect.errors import BadInput

_ALL_LEFT_OUT = "left out: of which image its annotations are is not clear. Number the images of joined files anew"
_NOWHERE = (0.0, 0.0, 0.0, 0.0)


@dataclass
class CocoContent:
    """The statements of a file: its image files are not looked at yet, and categories are not labels yet."""

    path: Path
    keys: Keys = field(default_factory=Keys)  # the ids of images and categories, and their numbers
    images: StatedImages = field(default_factory=StatedImages)  # those well formed, no id twice
    # One per entry, as x, y, width, height; `row` is the number of the image's id, `label` that of the category's.
    boxes: StatedBoxes = field(default_factory=StatedBoxes)
    bounds: int = 0  # boxes that are the bounds of a segmentation
    malformed: array = field(default_factory=partial(array, "q"))  # positions of the entries that are not boxes
    categories: Any = None  # as in the file
    problems: Problems = field(default_factory=Problems)
    looked_for: LookedForLists = field(default_factory=LookedForLists)

    def used_categories(self) -> set[Key]:
        """Return the ids of the categories that boxes have."""
        numbers = np.unique(self.boxes.table["label"]).tolist()
        return {self.keys.key(number) for number in numbers if number != NO_NUMBER}


def load_coco(path: Path) -> CocoContent:
    """Read a COCO truth file; BadInput where it is something else."""
    content, found = CocoContent(path), {}
    for name, value in read_members(path):
        kind = list if isinstance(value, Iterator) else type(value)
        if name is None and kind is list:
            raise BadInput(f"{path}: expected COCO annotations, found {_describe_list(value)}.")
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


def take_boxes(content: CocoContent, labels: Mapping[Key, int]) -> StatedBoxes:
    """Take the boxes out of `content`, by row of its images and by label.

    Malformed boxes, and those of images and categories that are not known, are reported and left out.

    Args:
        content: the content of a file; its boxes are gone afterwards.
        labels: category id -> label.
    """
    boxes, content.boxes = content.boxes, StatedBoxes()
    table = boxes.table
    _report_repeated_ids(content, table["number"])
    table["row"] = positions(table["row"], content.images.ids)
    known = np.array([*map(content.keys.number, labels)], np.int64)
    places = positions(table["label"], known)
    table["label"] = np.append(np.array([*labels.values()], np.int64), -1)[places]  # the last is for position -1
    bad = (table["row"] < 0) | (table["label"] < 0)
    bad[np.array(content.malformed, np.int64)] = True
    if not bad.any():
        return boxes
    _report(content, table, bad)
    return boxes.select(~bad)


def _report_repeated_ids(content: CocoContent, numbers: np.ndarray) -> None:
    """Report the annotations that have the id of an earlier one."""
    if (numbers[1:] > numbers[:-1]).all():  # as in most files
        return
    first = _first_of_ids(numbers)

    def describe(position: int) -> tuple[str, str]:
        what = f"entries {first[position]} and {position} of the annotations have this id"
        return locate_box(content.path, int(numbers[position])), what

    again = np.flatnonzero(first != np.arange(len(first)))
    content.problems.add_many("annotation id stated twice", again, describe, "both are kept")


def locate_box(path: Path, number: int) -> str:
    """Return where the box with this `number` is stated, for messages."""
    return f"{path}: annotation {number}" if number >= 0 else f"{path}: annotation entry {-1 - number}"


def _describe_list(elements: Iterator[Any]) -> str:
    first = next(elements, None)
    if is_detection(first):
        return RESULTS
    return "a list instead of an object with the lists 'images', 'annotations' and 'categories'"


def _read_images(entries: Iterator[Any], content: CocoContent) -> None:
    images, problems = StatedImages(), content.problems
    for position, entry in enumerate(entries):
        number = content.keys.number(entry.get("id")) if isinstance(entry, dict) else NO_NUMBER
        if number != NO_NUMBER and can_name_file(entry.get("file_name")):
            images.append(entry["file_name"], number, stated_size(entry))
            content.looked_for.add(entry, number, content.keys)
            continue
        images.append("", NO_NUMBER)  # so that the row of an image is the position of its entry
        what = f"expected a number or a text as 'id', and a 'file_name', found {entry!r:.120}"
        problems.images_total += 1
        problems.add("malformed image entry", _image_entry(content, position), what, "left out", images=1)
    good = (images.ids != NO_NUMBER) & ~_repeated(content, images)
    content.images = images if good.all() else images.select(np.flatnonzero(good))


def _first_of_ids(ids: np.ndarray) -> np.ndarray:
    """Return for each of ids [n] the position where it first occurs, int64 [n]."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    first = np.empty(len(ids), np.int64)
    first[order] = order[np.searchsorted(ordered, ordered)]
    return first


def _repeated(content: CocoContent, images: StatedImages) -> np.ndarray:
    """Return which entries, bool [n], have the id of another one: all of these where they are different images."""
    first = _first_of_ids(images.ids)
    repeated = np.flatnonzero((first != np.arange(len(first))) & (images.ids != NO_NUMBER))
    differing = [row for row in repeated.tolist() if images.names[row] != images.names[int(first[row])]]
    ambiguous = np.isin(first, first[differing])

    def describe(row: int) -> tuple[str, str]:
        other = next(other for other in np.flatnonzero(first == first[row]).tolist() if other != row)
        number = content.keys.key(int(images.ids[row]))
        what = f"id {number!r} is that of {images.names[row]!r} and of {images.names[other]!r}"
        return _image_entry(content, row), what

    same, problems = repeated[~ambiguous[repeated]], content.problems
    problems.add_many("repeated image entry", same, describe, "the first is kept")
    problems.add_many("image id of several images", np.flatnonzero(ambiguous), describe, _ALL_LEFT_OUT)
    problems.images_total += int(ambiguous.sum())
    problems.lost_images += int(ambiguous.sum())
    ambiguous[same] = True
    return ambiguous


def _image_entry(content: CocoContent, position: int) -> str:
    return f"{content.path}: image entry {position}"


def _read_boxes(entries: Iterator[Any], content: CocoContent) -> None:
    for position, entry in enumerate(entries):
        if not _read_box(entry, position, content):
            content.malformed.append(position)


def _read_box(entry: Any, position: int, content: CocoContent) -> bool:
    """Add the box of an entry, or one that stands for it; return whether the entry has a box."""
    boxes = content.boxes
    if not isinstance(entry, dict):
        boxes.append(NO_NUMBER, position, _NOWHERE, NO_NUMBER, False, NO_AREA)
        return False
    image, category = content.keys.number(entry.get("image_id")), content.keys.number(entry.get("category_id"))
    number = _number(entry, position)
    try:
        box = tuple(stated_box(entry))
    except (TypeError, ValueError, KeyError, OverflowError):
        boxes.append(image, number, _NOWHERE, category, False, NO_AREA)
        return False
    content.bounds += stands_for_box(entry)
    area = NO_AREA if (stated := stated_area(entry)) is None else stated
    boxes.append(image, number, box, category, _is_crowd(entry, number, content), area)
    return True


def _is_crowd(entry: dict, number: int, content: CocoContent) -> bool:
    crowd = flag(entry.get("iscrowd"))
    if crowd is None:
        content.problems.add_many(
            "unclear 'iscrowd'",
            [number],
            lambda number: (locate_box(content.path, number), f"expected 0 or 1, found {entry['iscrowd']!r:.40}"),
            "taken as 0",
        )
    return bool(crowd)


def _number(entry: dict, position: int) -> int:
    """Return the number by which `locate_box` finds the entry: its own id if it has one, else -1 minus its position."""
    number = key(entry.get("id"))
    return number if isinstance(number, int) and number >= 0 else -1 - position


def _report(content: CocoContent, table: np.ndarray, bad: np.ndarray) -> None:
    """Report the bad ones of the boxes. The file is read again for that: what they state was not kept."""
    content.problems.boxes_total += int(np.count_nonzero(bad))
    for position, entry in enumerate(_annotations(content.path)):
        if bad[position]:
            kind, what = _what_is_wrong(entry, table["row"][position] >= 0, table["label"][position] >= 0)
            where = locate_box(content.path, _number(entry if isinstance(entry, dict) else {}, position))
            content.problems.add(kind, where, what, "dropped", boxes=1)


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
    if stands_for_box(entry):
        found = f"{entry['segmentation']!r:.80}"
        return "malformed annotation", f"expected a 'bbox', or polygons or a mask as 'segmentation', found {found}"
    return "malformed annotation", f"expected 'bbox' of four numbers, found {entry.get('bbox')!r:.80}"
