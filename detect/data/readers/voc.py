"""Pascal VOC: one XML file per image in `Annotations`, images in `JPEGImages`, splits in `ImageSets/Main`.

Source: the VOC2012 development kit, whose top-left pixel is (1, 1) and whose `xmax`, `ymax` belong to the box. A box
is therefore `xmin - 1, ymin - 1, xmax, ymax` here. Some exporters count from 0 instead. The dataset itself tells,
because boxes at the left and top edge then begin at 0 and not at 1.

`difficult` objects become ignore regions. An object whose corners coincide is a click without a drag: zero area.
"""

import os
import xml.etree.ElementTree as ElementTree
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.pixels.headers import SUFFIXES
from detect.data.problems import Problems
from detect.data.readers.annotations import NO_SIZE, Annotations
from detect.data.readers.assembling import assemble
from detect.data.readers.locating import split_named
from detect.data.readers.reader import DatasetFolder, Reader, SplitFiles
from detect.data.readers.text_files import read_lines
from detect.errors import BadInput

FORMAT = "Pascal VOC"
_SPLITS: tuple[str, ...] = ("train", "val", "test")
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class _Object:
    name: str
    corners: tuple[float, ...]  # xmin, ymin, xmax, ymax as stated
    difficult: bool
    position: int  # among the objects of its file, from 0


@dataclass(frozen=True)
class _Image:
    """One image of a split, with what its annotation file says."""

    line: str  # where it is named: file:line
    path: str
    annotation: Path
    size: tuple[int, int]
    objects: list[_Object]

    def locate(self, thing: _Object) -> str:
        return f"{_locate(self.annotation, thing.position)} ({thing.name})"


def is_voc_folder(folder: Path) -> bool:
    """Return whether `folder` has the layout: annotation files beside images."""
    annotations, images = folder / "Annotations", folder / "JPEGImages"
    return images.is_dir() and annotations.is_dir() and any(annotations.glob("*.xml"))


def read_voc(folder: Path) -> Dataset:
    """Read a VOC folder, its splits from `ImageSets/Main`.

    `trainval` is the training split only where `train` or `val` is missing. Classes are the names that occur, sorted.
    """
    lists, notes = _split_lists(folder)
    return read_voc_lists(folder, lists, (), notes)


def read_voc_lists(
    source: Path, lists: Mapping[str, Sequence[Path]], classes: Sequence[str] = (), notes: Sequence[str] = ()
) -> Dataset:
    """Read a dataset whose splits are given as list files, each inside the `ImageSets/Main` of a VOC folder.

    Args:
        source: what the user gave, for messages.
        lists: the list files of each split; they may lie in several VOC folders.
        classes: the classes in the order of their labels; where empty, the names that occur, sorted.
        notes: what has been decided so far.

    Raises:
        BadInput: a list cannot be read, no object is annotated, or no split has images.
    """
    problems = {name: Problems() for name in lists}
    images = {name: list(_read_images(paths, problems[name])) for name, paths in lists.items()}
    everything = [thing for part in images.values() for image in part for thing in image.objects]
    classes = tuple(classes) or tuple(sorted({thing.name for thing in everything}))
    if not classes:
        raise BadInput(f"{source}: no object is annotated in any split, so there is no class to learn.")
    from_one, note = _counts_from_one(everything)
    splits = {
        name: _annotations(", ".join(map(str, lists[name])), part, problems[name], classes, from_one)
        for name, part in images.items()
    }
    mapping = "labels: " + ", ".join(f"{label} {name!r}" for label, name in enumerate(classes))
    return assemble(source, FORMAT, classes, tuple(range(1, len(classes) + 1)), splits, [*notes, mapping, note])


def read_splits(source: Path, splits: Mapping[str, SplitFiles], classes: Sequence[str]) -> Dataset:
    """Read what a YAML description describes: one or more list files per split."""
    return read_voc_lists(source, {name: files.annotations for name, files in splits.items()}, classes)


def _split_lists(folder: Path) -> tuple[dict[str, list[Path]], list[str]]:
    """Return the list files by split, and what was decided about them."""
    main = folder / "ImageSets" / "Main"
    lists = {path.stem: path for path in sorted(main.glob("*.txt"))}
    known: dict[str, list[Path]] = {name: [lists[name]] for name in _SPLITS if name in lists}
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


def _read_images(lists: Sequence[Path], problems: Problems) -> Iterator[_Image]:
    for path in lists:
        lines, folder = read_lines(path), Path(os.path.normpath(path.parent / ".." / ".."))
        files = _files_by_stem(folder / "JPEGImages")
        for number, line in enumerate(lines, 1):
            stem = line.split()[0] if line else ""  # some lists say behind it whether a class is present
            if stem:
                name = str(folder / "JPEGImages" / files.get(stem, f"{stem}.jpg"))
                image = _read_image(name, folder / "Annotations" / f"{stem}.xml", f"{path}:{number}", problems)
                if image:
                    yield image


def _files_by_stem(folder: Path) -> dict[str, str]:
    """Return the names of the images in a folder by their stems; of several with one stem, the first."""
    try:
        names = sorted((entry.name for entry in os.scandir(folder)), reverse=True)
    except OSError as error:
        raise BadInput(f"{folder}: the folder of the images cannot be read: {error.strerror}.") from None
    parts = map(os.path.splitext, names)
    return {stem: stem + suffix for stem, suffix in parts if suffix.lower() in SUFFIXES}


def _read_image(path: str, annotation: Path, line: str, problems: Problems) -> _Image | None:
    """Return what the XML file of one image says; report a problem and return None where it cannot be read."""
    try:
        root = ElementTree.parse(annotation).getroot()
    except OSError as error:
        kind, where, what = "missing annotation", line, f"{annotation}: {error.strerror}"
    except ElementTree.ParseError as error:
        kind, where, what = "malformed annotation", f"{annotation}:{error.position[0]}", f"not XML: {error}"
    except (LookupError, ValueError) as error:  # of the encoding that it states
        kind, where, what = "malformed annotation", f"{annotation}:1", f"not XML: {error}"
    else:
        parsed = (_parse(element, row, annotation, problems) for row, element in enumerate(root.findall("object")))
        return _Image(line, path, annotation, _stated_size(root), [thing for thing in parsed if thing])
    problems.images_total += 1
    problems.add(kind, where, what, "image left out", images=1)
    return None


def _parse(element: ElementTree.Element, position: int, annotation: Path, problems: Problems) -> _Object | None:
    """Return one object; report a problem and return None where it has no name or no box."""
    name = element.findtext("name", "").strip()
    stated = [element.findtext(f"bndbox/{corner}", "").strip() for corner in _CORNERS]
    try:
        corners = tuple(map(float, stated))
    except ValueError:
        corners = ()
    if corners and name:
        difficult = element.findtext("difficult", "0").strip() not in ("0", "")
        return _Object(name, corners, difficult, position)
    found = ", ".join(f"{corner} {value!r}" for corner, value in zip(_CORNERS, stated, strict=True))
    what = f"expected a name and four numbers, found name {name!r}, {found}"
    problems.boxes_total += 1
    problems.add("malformed object", _locate(annotation, position), what, "dropped", boxes=1)
    return None


def _stated_size(root: ElementTree.Element) -> tuple[int, int]:
    try:
        return int(root.findtext("size/width", "0")), int(root.findtext("size/height", "0"))
    except ValueError:
        return NO_SIZE


def _counts_from_one(objects: Sequence[_Object]) -> tuple[bool, str]:
    """Return whether pixels are counted from 1, as in VOC, or from 0, and a sentence that says why."""
    edges = Counter(value for thing in objects for value in thing.corners[:2])
    zeros, ones = edges[0.0], edges[1.0]
    if zeros > ones:
        return False, f"pixels are counted from 0, unlike in VOC: {zeros} edges are at 0 and {ones} at 1"
    return True, f"pixels are counted from 1, as in VOC: {ones} edges are at 1 and {zeros} at 0; 1 is subtracted"


def _annotations(
    source: str, images: list[_Image], problems: Problems, classes: Sequence[str], from_one: bool
) -> Annotations:
    labels = {name: label for label, name in enumerate(classes)}
    origins: list[tuple[_Image, _Object]] = []  # of each box

    def locate_box(number: int) -> str:
        image, thing = origins[number]
        return image.locate(thing)

    annotations = Annotations(source, lambda row: images[row].line, locate_box, problems=problems)
    for image in images:
        row = annotations.add_image(image.path, len(annotations.images) + 1, image.size)
        for thing in image.objects:
            if thing.name in labels:
                origins.append((image, thing))
                annotations.add_box(row, _box(thing.corners, from_one), labels[thing.name], thing.difficult)
            else:
                problems.boxes_total += 1
                problems.add("unknown class", image.locate(thing), "is not among the classes", "dropped", boxes=1)
    return annotations


def _box(corners: tuple[float, ...], from_one: bool) -> tuple[float, ...]:
    x1, y1, x2, y2 = corners
    if not from_one or x1 >= x2 or y1 >= y2:  # what has no area keeps none
        return corners
    return x1 - 1, y1 - 1, x2, y2


def _locate(annotation: Path, position: int) -> str:
    """Return file and line on which an object begins: ElementTree does not keep it, and only problems ask for it."""
    before = annotation.read_text("utf-8", "replace").split("<object")[: position + 1]
    return f"{annotation}:{'<object'.join(before).count(chr(10)) + 1}"


READER = Reader(
    folders=(DatasetFolder("Pascal VOC", "Annotations/*.xml", is_voc_folder, read_voc),), read_splits=read_splits
)
