"""Pascal VOC: one XML file per image in `Annotations`, images in `JPEGImages`, splits in `ImageSets/Main`.

Source: the VOC2012 development kit, whose top-left pixel is (1, 1) and whose `xmax`, `ymax` belong to the box. A box
is therefore `xmin - 1, ymin - 1, xmax, ymax` here. Some exporters count from 0 instead. The dataset itself tells,
because boxes at the left and top edge then begin below 1. Where no box begins there or at 1, pixels are counted as in
VOC. Which tool wrote a file would not tell: labelImg writes positions that count from 0, but 1 in place of 0.

The XML files may lie beside their images instead, as labelImg and Roboflow write them, and folders named after splits
may take the place of lists. Without either, all files are the training split.

`difficult` objects become ignore regions. An object whose corners coincide is a click without a drag: zero area.
Rotated boxes and polygons are replaced by their upright hulls.
"""

import functools
import itertools
import xml.etree.ElementTree as ElementTree
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from detect.data.dataset import Dataset
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.locating import parts
from detect.data.readers.reader import DatasetFolder, Reader, SplitFiles
from detect.data.readers.voc.voc_content import VocContent, VocObject, line_of, read_content
from detect.data.readers.voc.voc_layout import (
    SPLITS,
    Entry,
    VocFolder,
    all_of,
    annotation_folder,
    by_folders,
    folder_around,
    holds_annotations,
    listed,
    split_lists,
    voc_folder,
)
from detect.data.regular_files import is_absent
from detect.data.texts import Texts
from detect.errors import BadInput

FORMAT = "Pascal VOC"


def is_voc_folder(folder: Folder) -> bool:
    """Return whether `folder`, or one in it that is named after a split, has a folder for annotation files."""
    return bool(parts(folder, annotation_folder))


def has_splits_beside_images(folder: Folder) -> bool:
    """Return whether annotation files lie in folders inside `folder` that are named after splits."""
    return not holds_annotations(folder) and bool(parts(folder, holds_annotations))


def read_voc(folder: Path) -> Dataset:
    """Read a VOC folder, its splits from lists or from folders that are named after them.

    `trainval` is the training split only where `train` or `val` is missing. Classes are the names that occur, sorted.

    Raises:
        BadInput: lists cannot be told apart or read, no object can be used, or no split has images.
    """
    splits: dict[str, list[Iterable[Entry]]] = {}
    notes: list[str] = []
    listed = Folder(folder)
    for split, part in parts(listed, annotation_folder) or parts(listed, holds_annotations):
        found = {split: _all_in(voc_folder(part), notes)} if split else _splits_of(part, notes)
        for name, entries in found.items():
            splits.setdefault(name, []).append(entries)
    return _read(folder, {name: splits[name] for name in SPLITS if name in splits}, (), notes)


def read_voc_lists(
    source: Path,
    lists: Mapping[str, Sequence[Path]],
    classes: Sequence[str] = (),
    images: Mapping[str, Path | None] | None = None,
) -> Dataset:
    """Read a dataset whose splits are given as list files in VOC folders, or as folders with annotation files.

    Args:
        source: what the user gave, for messages.
        lists: the lists or folders of each split; they may lie in several VOC folders.
        classes: the classes in the order of their labels; where empty, the names that occur, sorted.
        images: the folder of the images of each split, where it is not beside the annotations.

    Raises:
        BadInput: a list cannot be read, no object can be used, or no split has images.
    """
    folder_of = functools.cache(folder_around)
    splits = {
        name: [listed(paths, functools.partial(folder_of, images=(images or {}).get(name)))]
        for name, paths in lists.items()
    }
    return _read(source, splits, classes, [])


def read_splits(source: Path, splits: Mapping[str, SplitFiles], classes: Sequence[str]) -> Dataset:
    """Read what a YAML description describes: one or more lists, or folders of annotation files, per split."""
    lists = {name: files.annotations for name, files in splits.items()}
    return read_voc_lists(source, lists, classes, {name: files.images for name, files in splits.items()})


def _splits_of(root: Path, notes: list[str]) -> dict[str, Iterable[Entry]]:
    """Return the splits of a folder whose lists or folders name them."""
    lists, decided = split_lists(root)
    folder = voc_folder(root)
    if not folder.images.is_relative_to(root):
        notes.append(f"the images are in {folder.images}, the only folder with images beside {root}")
    if lists:
        notes += decided
        return {split: listed(paths, lambda _: folder) for split, paths in lists.items()}
    found = by_folders(folder)
    if not found:
        notes.append(f"no list and no folder names splits: all of {folder.annotations} is split 'train'")
        return {"train": _all_in(folder, notes)}
    return {split: all_of(folder, stems) for split, stems in found.items()}


def _all_in(folder: VocFolder, notes: list[str]) -> Iterable[Entry]:
    if count := folder.without_annotation():
        notes.append(f"images in {folder.images} without an annotation file are left out ({count})")
    return all_of(folder, folder.stems)


def _read(
    source: Path, splits: Mapping[str, Sequence[Iterable[Entry]]], classes: Sequence[str], notes: list[str]
) -> Dataset:
    labels = {name: label for label, name in enumerate(classes)}
    tried = {
        name: _read_split(_Split(f"{source}: {name}", labels, fixed=bool(classes)), itertools.chain(*groups))
        for name, groups in splits.items()
    }
    read = {name: split for name, split in tried.items() if isinstance(split, _Split)}
    refused = {name: error for name, error in tried.items() if isinstance(error, BadInput)}
    if not labels:
        raise BadInput(_nothing(source, read.values(), refused.values()))
    names = tuple(classes) or tuple(sorted(labels))
    final = {name: label for label, name in enumerate(names)}
    order = np.array([final[name] for name in labels])
    from_one, note = _counts_from_one(read.values())
    annotations = {name: split.finish(order, from_one) for name, split in read.items()}
    mapping = "labels: " + ", ".join(f"{label} {name!r}" for label, name in enumerate(names))
    notes = [*notes, *_remarks(read.values()), mapping, note]
    return assemble(source, FORMAT, names, tuple(range(1, len(names) + 1)), {**annotations, **refused}, notes)


def _read_split(split: "_Split", entries: Iterable[Entry]) -> "_Split | BadInput":
    """Read the images of a split, or return why a list of them cannot be read: other splits may do without it."""
    try:
        split.add_all(entries)
    except BadInput as error:
        return error
    return split


class _Split:
    """One split while it is read: its images and boxes, and where each of them is stated."""

    def __init__(self, source: str, labels: dict[str, int], fixed: bool):
        """Begin with no images.

        Args:
            source: what names the images, for messages.
            labels: label by class name; a new name gets the next label.
            fixed: objects with other names are dropped instead.
        """
        self.labels, self.fixed = labels, fixed
        self.remarks: Counter[str] = Counter()
        self._places, self._files = Texts(), Texts()  # of images: where each is named, and its annotation file
        self._rows, self._positions = array("q"), array("q")  # of boxes: image, and position in its annotation file
        self._hulls = array("b")  # whether each box is a hull
        self.annotations = Annotations(source, lambda row: self._places[row], self._locate_box)

    def add_all(self, entries: Iterable[Entry]) -> None:
        """Read the annotation file of each image; what cannot be read is reported."""
        for entry in entries:
            path = entry.folder.annotation(entry.stem)
            content = self._content(path, entry.place)
            if content:
                self._add(entry, path, content)

    def _content(self, path: str, place: str) -> VocContent | None:
        try:
            return read_content(path)
        except OSError as error:
            kind = "missing annotation" if is_absent(error) else "unreadable label file"
            where, what = place, f"{path}: {error.strerror}"
        except ElementTree.ParseError as error:
            kind, where, what = "malformed annotation", f"{path}:{error.position[0]}", f"not XML: {error}"
        except ValueError as error:  # its bytes are not text
            kind, where, what = "malformed annotation", f"{path}:1", f"not XML: {error}"
        self.annotations.problems.images_total += 1
        self.annotations.problems.add(kind, where, what, "image left out", images=1)
        return None

    def _add(self, entry: Entry, path: str, content: VocContent) -> None:
        image = entry.folder.image(entry.stem, content.file_name)
        row = self.annotations.add_image(image, len(self.annotations.images) + 1, content.size)
        self._places.append(entry.place)
        self._files.append(path)
        for position, what in content.malformed:
            self._drop("malformed object", path, position, what)
        for thing in content.objects:
            self._add_object(row, path, thing)
        if content.guessed_encoding:
            encoding = content.guessed_encoding
            self.remarks[f"annotation files that state no encoding and are not UTF-8 are read as {encoding}"] += 1

    def _add_object(self, row: int, path: str, thing: VocObject) -> None:
        label = self.labels.get(thing.name) if self.fixed else self.labels.setdefault(thing.name, len(self.labels))
        if label is None:
            self._drop("unknown class", path, thing.position, f"{thing.name!r} is not among the classes")
            return
        self.annotations.add_box(row, thing.box, label, bool(thing.difficult))
        self._rows.append(row)
        self._positions.append(thing.position)
        self._hulls.append(thing.is_hull)
        if thing.is_hull:
            self.remarks["rotated boxes and polygons are replaced by their upright hulls"] += 1
        if thing.difficult is None:
            self.remarks["objects that do not say whether they are difficult count as not difficult"] += 1

    def _drop(self, kind: str, path: str, position: int, what: str) -> None:
        self.annotations.problems.boxes_total += 1
        self.annotations.problems.add(kind, f"{path}:{line_of(path, position)}", what, "dropped", boxes=1)

    def _locate_box(self, number: int) -> str:
        path = self._files[self._rows[number]]
        return f"{path}:{line_of(path, self._positions[number])}"

    def edges(self) -> np.ndarray:
        """Return how many boxes begin within the first pixel, from 0 to below 1, and how many at 1; x and y in all."""
        corners = self.annotations.boxes.table["box"][~np.frombuffer(self._hulls, bool), :2]
        return np.array([np.count_nonzero((corners >= 0) & (corners < 1)), np.count_nonzero(corners == 1)])

    def finish(self, order: np.ndarray, from_one: bool) -> Annotations:
        """Return the annotations.

        Args:
            order: the final label of each label, int [K].
            from_one: whether pixels are counted from 1.
        """
        table = self.annotations.boxes.table
        table["label"] = order[table["label"]]
        boxes = table["box"]
        has_area = (boxes[:, :2] != boxes[:, 2:]).all(axis=1)  # what has none keeps none
        counted = from_one & ~np.frombuffer(self._hulls, bool) & has_area
        for first, last in ((0, 2), (1, 3)):
            exchanged = boxes[:, first] > boxes[:, last]
            boxes[counted & ~exchanged, first] -= 1
            boxes[counted & exchanged, last] -= 1
        return self.annotations


def _nothing(source: Path, splits: Collection[_Split], refused: Collection[BadInput]) -> str:
    """Return why there are no classes."""
    reasons = [line for split in splits for line in split.annotations.problems.summary()]
    if reasons or refused:
        why = " ".join([*reasons, *map(str, refused)])
        return f"{source}: no object can be used, so there is no class to learn. {why}"
    if any(len(split.annotations.images) for split in splits):
        return f"{source}: no object is annotated in any split, so there is no class to learn."
    return f"{source}: no image is named in any split. Name them in the lists in ImageSets/Main, or remove the lists."


def _counts_from_one(splits: Iterable[_Split]) -> tuple[bool, str]:
    """Return whether pixels are counted from 1, as in VOC, or from 0, and a sentence that says why."""
    below, ones = sum((split.edges() for split in splits), np.zeros(2, int)).tolist()
    if below > ones:
        return False, f"pixels are counted from 0, unlike in VOC: {below} edges are below 1 and {ones} at 1"
    if not ones:
        return True, (
            "no box touches the left or top edge, so nothing tells whether pixels are counted from 1 or from 0: they "
            "are taken as in VOC, and 1 is subtracted. If they are counted from 0, boxes begin a pixel early"
        )
    return True, f"pixels are counted from 1, as in VOC: {ones} edges are at 1 and {below} below; 1 is subtracted"


def _remarks(splits: Iterable[_Split]) -> list[str]:
    counts = sum((split.remarks for split in splits), Counter[str]())
    return [f"{what} ({count})" for what, count in counts.items()]


READER = Reader(
    folders=(
        DatasetFolder("Pascal VOC", "Annotations/*.xml", is_voc_folder, read_voc),
        DatasetFolder(
            "a Roboflow Pascal VOC export",
            "train|valid|test/*.xml",
            has_splits_beside_images,
            read_voc,
            described=False,
        ),
        DatasetFolder(
            "Pascal VOC beside its images", "*.xml", holds_annotations, read_voc, described=False, of_images=".xml"
        ),
    ),
    read_splits=read_splits,
)
