"""Pascal VOC: one XML file an image in `Annotations`, pictures in `JPEGImages`, splits in `ImageSets/Main`.

Source: the VOC2012 development kit, whose top-left pixel is (1, 1) and whose `xmax`, `ymax` belong to the box. A box
is therefore `xmin - 1, ymin - 1, xmax, ymax` here. Some exporters count from 0 instead; the data set itself tells,
because boxes at the left and top edge then begin at 0 and not at 1 (`_counts_from_one`).

`difficult` objects become ignore regions. An object whose corners coincide is a click without a drag: zero area.
"""

import os
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from detect.data.checking import NO_SIZE, Annotations
from detect.data.dataset import Dataset, assemble
from detect.data.headers import SUFFIXES
from detect.data.locating import read_lines, split_named
from detect.errors import BadInput

FORMAT = "Pascal VOC"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class _Object:
    name: str
    corners: tuple[float, float, float, float]  # as stated
    difficult: bool
    position: int  # among the objects of its file, from 0


@dataclass(frozen=True)
class _Picture:
    """One image of a split with its annotation file, parsed."""

    line: str  # where its name stands: file:line
    path: str
    annotation: Path
    size: tuple[int, int]
    objects: list[_Object]


@dataclass
class _Split:
    """What the XML files of a split hold, and the problems met in them."""

    source: str
    pictures: list[_Picture] = field(default_factory=list)
    annotations: Annotations = field(init=False)

    def __post_init__(self) -> None:
        self.annotations = Annotations(self.source, lambda row: self.pictures[row].line, self._locate_box)
        self.origins: list[tuple[int, _Object]] = []  # of each box: its picture and object

    def _locate_box(self, number: int) -> str:
        row, thing = self.origins[number]
        annotation = self.pictures[row].annotation
        return f"{annotation}:{_line_of_object(annotation, thing.position)} ({thing.name})"


def is_voc_folder(folder: Path) -> bool:
    """Whether `folder` has the layout: annotation files beside pictures."""
    annotations, pictures = folder / "Annotations", folder / "JPEGImages"
    return pictures.is_dir() and annotations.is_dir() and any(annotations.glob("*.xml"))


def read_voc(folder: Path) -> Dataset:
    """A VOC folder, its splits from `ImageSets/Main`.

    `trainval` is the training split only where `train` or `val` is missing. Classes are the names that occur, sorted.
    """
    lists, notes = _split_lists(folder)
    return read_voc_lists(folder, lists, (), notes)


def read_voc_lists(
    source: Path, lists: Mapping[str, Sequence[Path]], classes: Sequence[str] = (), notes: Sequence[str] = ()
) -> Dataset:
    """A data set whose splits are given as list files, each inside the `ImageSets/Main` of a VOC folder.

    Args:
        source: what the user gave, for messages.
        lists: the list files of each split; they may lie in several VOC folders.
        classes: the classes in the order of their labels; where empty, the names that occur, sorted.
    """
    splits = {name: _read_split(paths) for name, paths in lists.items()}
    names = Counter(thing.name for _, thing in _all_objects(splits.values()))
    classes = tuple(classes) or tuple(sorted(names))
    if not classes:
        raise BadInput(f"{source}: no object is annotated in any split, so there is no class to learn.")
    from_one, note = _counts_from_one(splits.values())
    for part in splits.values():
        _add_boxes(part, classes, from_one)
    ids = tuple(range(1, len(classes) + 1))
    annotations = {name: part.annotations for name, part in splits.items()}
    mapping = "labels: " + ", ".join(f"{label} {name!r}" for label, name in enumerate(classes))
    return assemble(source, FORMAT, classes, ids, annotations, [*notes, mapping, note])


def _split_lists(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """The list files by split, and what was decided about them."""
    main = folder / "ImageSets" / "Main"
    lists = {path.stem: path for path in sorted(main.glob("*.txt"))}
    known = {name: [lists[name]] for name in ("train", "val", "test") if name in lists}
    if "trainval" in lists:
        if "train" in known and "val" in known:
            return known, ["trainval.txt is the union of train.txt and val.txt, and not a split of its own"]
        known.pop("train", None)
        return {"train": [lists["trainval"]], **known}, ["trainval.txt is used as split 'train'"]
    if known:
        return known, []
    if len(lists) == 1:
        ((name, path),) = lists.items()
        split = split_named(name) or "train"
        return {split: [path]}, [f"{path.name}, the only list in {main}, is used as split {split!r}"]
    found = ", ".join(sorted(lists)) or "none"
    raise BadInput(f"{main}: expected the lists train.txt, val.txt, test.txt or trainval.txt, found: {found}.")


def _read_split(lists: Sequence[Path]) -> _Split:
    part = _Split(", ".join(str(path) for path in lists))
    for path in lists:
        folder = path.parents[2]
        pictures = _pictures_by_stem(folder / "JPEGImages")
        for number, line in enumerate(read_lines(path), 1):
            if line:
                _read_picture(part, folder, pictures, line.split()[0], f"{path}:{number}")
    return part


def _pictures_by_stem(folder: Path) -> dict[str, str]:
    try:
        names = sorted(entry.name for entry in os.scandir(folder))
    except OSError as error:
        raise BadInput(f"{folder}: the pictures' folder cannot be read: {error.strerror}.") from None
    split = (os.path.splitext(name) for name in reversed(names))
    return {stem: stem + suffix for stem, suffix in split if suffix.lower() in SUFFIXES}


def _read_picture(part: _Split, folder: Path, pictures: dict[str, str], stem: str, line: str) -> None:
    """Parses the XML file of one listed image into `part`; without a readable one the image is lost."""
    annotation = folder / "Annotations" / f"{stem}.xml"
    problems = part.annotations.problems
    path = str(folder / "JPEGImages" / pictures.get(stem, f"{stem}.jpg"))
    try:
        root = ElementTree.parse(annotation).getroot()
    except OSError as error:
        problems.images_total += 1
        return problems.add("missing annotation", line, f"{annotation}: {error.strerror}", "image left out", images=1)
    except ElementTree.ParseError as error:
        problems.images_total += 1
        return problems.add("malformed annotation", str(annotation), f"not XML: {error}", "image left out", images=1)
    objects = []
    for position, element in enumerate(root.findall("object")):
        try:
            objects.append(_parse_object(element, position))
        except ValueError as error:
            where = f"{annotation}:{_line_of_object(annotation, position)}"
            problems.boxes_total += 1
            problems.add("malformed object", where, str(error), "dropped", boxes=1)
    part.pictures.append(_Picture(line, path, annotation, _stated_size(root), objects))
    part.annotations.add_image(path, len(part.pictures), part.pictures[-1].size)


def _parse_object(element: ElementTree.Element, position: int) -> _Object:
    name = (element.findtext("name") or "").strip()
    if not name:
        raise ValueError("the object has no name")
    stated = [element.findtext(f"bndbox/{corner}") for corner in _CORNERS]
    if None in stated:
        raise ValueError(f"{name!r} has no {_CORNERS[stated.index(None)]}")
    try:
        x1, y1, x2, y2 = (float(text) for text in stated)
    except ValueError:
        raise ValueError(f"corners of {name!r} are not numbers: {', '.join(stated)}") from None
    difficult = (element.findtext("difficult") or "0").strip() not in ("0", "")
    return _Object(name, (x1, y1, x2, y2), difficult, position)


def _stated_size(root: ElementTree.Element) -> tuple[int, int]:
    try:
        return int(root.findtext("size/width") or 0), int(root.findtext("size/height") or 0)
    except ValueError:
        return NO_SIZE


def _all_objects(splits) -> Iterator[tuple[_Picture, _Object]]:
    return ((picture, thing) for part in splits for picture in part.pictures for thing in picture.objects)


def _counts_from_one(splits) -> tuple[bool, str]:
    """Whether pixels are counted from 1, as VOC has it, or from 0, and a sentence that says why."""
    edges = Counter(value for _, thing in _all_objects(splits) for value in thing.corners[:2])
    zeros, ones = edges[0.0], edges[1.0]
    if zeros > ones:
        return False, f"pixels are counted from 0, unlike VOC's own: {zeros} boxes begin at 0 and {ones} at 1"
    return True, f"pixels are counted from 1, as VOC's own: {ones} boxes begin at 1 and {zeros} at 0; 1 is subtracted"


def _add_boxes(part: _Split, classes: tuple[str, ...], from_one: bool) -> None:
    labels = {name: label for label, name in enumerate(classes)}
    problems = part.annotations.problems
    for row, picture in enumerate(part.pictures):
        for thing in picture.objects:
            if thing.name not in labels:
                where = f"{picture.annotation}:{_line_of_object(picture.annotation, thing.position)}"
                problems.boxes_total += 1
                problems.add("unknown class", where, f"{thing.name!r} is not among the classes", "dropped", boxes=1)
                continue
            part.origins.append((row, thing))
            part.annotations.add_box(row, _box(thing.corners, from_one), labels[thing.name], thing.difficult)


def _box(corners: tuple[float, float, float, float], from_one: bool) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = corners
    if not from_one or x1 >= x2 or y1 >= y2:  # a box without area keeps none
        return corners
    return x1 - 1, y1 - 1, x2, y2


def _line_of_object(annotation: Path, position: int) -> int:
    """The line on which an object begins: ElementTree does not keep it, and only problems ask."""
    lines = annotation.read_text("utf-8", "replace").split("<object>")
    return "".join(lines[: position + 1]).count("\n") + 1
