"""The content of annotation files that name images and classes: collected first, then checked as one dataset.

Labels are given when the files of all splits are read. Where nothing states the order of the classes, they are the
names that occur, sorted.
"""

import os
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.dataset import Dataset
from detect.data.pixels.headers import is_image_name
from detect.data.problems import Problems
from detect.data.readers.assembly.annotations import NO_AREA, NO_SIZE, Annotations, StatedBoxes, StatedImages
from detect.data.readers.assembly.assembling import assemble, no_classes
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.assembly.ids import positions
from detect.data.readers.files.listing import unordered_names
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.image_folders import folder_of_split, images_below, locate_images
from detect.data.texts import Texts
from detect.errors import BadInput

# What reading an annotation raises that is not as its format has it: a member that is missing or of another type.
MALFORMED = (TypeError, ValueError, LookupError, OverflowError, AttributeError)
_MOST_BOXES = 1 << 24  # of an image


class NamedContent:
    """The images and boxes of one split, nothing checked; labels are positions in `classes`."""

    def __init__(self, path: Path, form: Form = Form.CORNERS, fractions: bool = False):
        """Begin with no images.

        Args:
            path: the annotation file or folder.
            form: in which it states boxes.
            fractions: whether they are fractions of the image, not pixels.
        """
        self.path, self.form, self.fractions = path, form, fractions
        self.folder = ""  # to which the names of the images are relative
        self.images, self.boxes, self.problems = StatedImages(), StatedBoxes(), Problems()
        self.classes: dict[str, int] = {}  # by name, in the order in which they are met
        self.order: tuple[str, ...] = ()  # the classes by label, where the file states them
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()  # of what is left out or changed, by what a note says of it
        self._places = array("q")  # of images: number of the entry that states it

    def place(self, entry: int) -> str:
        """Return where an entry is, for messages: an image with its boxes."""
        return f"{self.path}: image entry {entry}"

    def place_of_box(self, entry: int, position: int) -> str:
        """Return where a box of an entry is, for messages."""
        return f"{self.place(entry)}, annotation {position}"

    def locate_image(self, row: int) -> str:
        """Return where an image is named."""
        return self.place(self._places[row])

    def locate_box(self, number: int) -> str:
        """Return where a box is stated."""
        return self.place_of_box(*divmod(number, _MOST_BOXES))

    def add_image(self, name: str, entry: int, size: tuple[int, int] = NO_SIZE) -> int:
        """Add the image of an entry, and return its row."""
        self.images.append(name, len(self.images) + 1, size)
        self._places.append(entry)
        return len(self.images) - 1

    def add_box(self, row: int, position: int, box: tuple, name: str, ignore: bool = False) -> None:
        """Add a box.

        Args:
            row: of its image.
            position: among the boxes of its entry.
            box: x1, y1, x2, y2.
            name: of its class.
            ignore: whether it is a region to be ignored.
        """
        number = self._places[row] * _MOST_BOXES + position
        self.boxes.append(row, number, box, self.label(name), ignore, NO_AREA)

    def label(self, name: str) -> int:
        """Return the position of a class in `classes`, to which it is added where it is new."""
        return self.classes.setdefault(name, len(self.classes))

    def drop_box(self, row: int, position: int, what: str) -> None:
        """Report a box that cannot be read; the arguments are those of `add_box`, and what was found."""
        self.drop_box_at(self.place_of_box(self._places[row], position), what)

    def drop_box_at(self, where: str, what: str) -> None:
        """Report a box of no known image, as `drop_box` does: the place where it is stated, and what was found."""
        self.problems.boxes_total += 1
        self.problems.add("malformed annotation", where, what, "dropped", boxes=1)

    def drop_image(self, entry: int, what: str) -> None:
        """Report an entry that cannot be read."""
        self.problems.images_total += 1
        self.problems.add("malformed image entry", self.place(entry), what, "left out", images=1)

    def select_images(self, rows: np.ndarray) -> None:
        """Keep only the images in `rows`, int64 [r], and their boxes."""
        kept = np.full(len(self.images), -1)
        kept[rows] = np.arange(len(rows))
        table = self.boxes.table
        table["row"] = kept[table["row"]]
        self.boxes = self.boxes.select(table["row"] >= 0)
        self.images = self.images.select(rows)
        self._places = array("q", np.frombuffer(self._places, np.int64)[rows].tobytes())

    def join_images(self) -> None:
        """Make one image of the entries of one path, however it is written, where it is first met."""
        paths = (os.path.normpath(name.replace("\\", "/")) for name in self.images.names)
        hashes = np.fromiter(map(hash, paths), np.int64, len(self.images))
        _, first, positions = np.unique(hashes, return_index=True, return_inverse=True)
        if len(first) == len(hashes):  # usually: nothing has to be copied
            return
        order = np.argsort(first)
        table = self.boxes.table
        table["row"] = first[positions][table["row"]]
        self.select_images(first[order])

    def rename_classes(self, names: Mapping[str, str]) -> None:
        """Replace names of classes by others; classes that get the same name are one."""
        known, self.classes = self.classes, {}
        labels = np.array([self.label(names.get(name, name)) for name in known], np.int64)
        table = self.boxes.table
        table["label"] = labels[table["label"]]

    def order_classes(self, stated: Iterable[str]) -> None:
        """Order the classes as they are stated, if any are: those that are not come last, sorted."""
        order = dict.fromkeys(filter(None, map(str.strip, stated)))
        if order:
            self.order = (*order, *sorted(self.classes.keys() - order.keys()))

    def find_images_by_stem(self, file: AnnotationFile) -> np.ndarray:
        """Find images that are named without suffixes, in folders at any depth.

        Returns:
            Which images are found, bool [R].

        Raises:
            BadInput: none of them is there.
        """
        root, stated = file.images or _folder_around(file.path), self.images.names
        paths = Texts(images_below(root))
        places = positions(_hashed_stems(stated), _hashed_stems(paths))
        if not (places >= 0).any():
            named = f" ({len(stated)}, such as {stated[0]!r})" if len(stated) else ""
            raise BadInput(f"{self.path}: none of its images{named} is in {root} or below it. Put them there.")
        self.folder = str(root)
        self.images.names = Texts(
            paths[place] if place >= 0 else name for name, place in zip(stated, places.tolist(), strict=True)
        )
        return places >= 0

    def find_images_of_split(self, file: AnnotationFile, split: str) -> np.ndarray:
        """Find images as `find_images` does, in the folder that is named after a split if the first image is in it."""
        first = next(iter(self.images.names), "")
        return self.find_images(AnnotationFile(file.path, file.images or folder_of_split(file.path, split, first)))

    def find_images(self, file: AnnotationFile) -> np.ndarray:
        """Find the folder of the images and their names in it.

        Returns:
            Which images are found, bool [R].

        Raises:
            BadInput: no folder holds any of them.
        """
        stated = self.images.names
        folder, found = locate_images(file, stated)
        self.folder, self.images.names = str(folder), found.names
        if folder != file.path.parent:
            self.notes.append(f"images of {self.path.name} are found in {folder}")

        def describe(row: int) -> tuple[str, str]:
            return self.locate_image(row), f"{stated[row]!r} is {found.names[row]!r} in {folder}"

        self.problems.add_many("image with another spelling", np.flatnonzero(found.respelt), describe, "taken")
        cut = np.flatnonzero(found.cut)
        if len(cut):
            example = f"{stated[cut[0]]!r} is {found.names[cut[0]]!r}"
            beginning = f"{self.path.name}: images are found without folders before their names ({len(cut)})"
            self.notes.append(f"{beginning}: {example}")
        return found.found


def class_name(value: Any) -> str:
    """Return the name of a class, which may be a number; ValueError where a value is not one."""
    name = str(value).strip() if isinstance(value, str | int | float) else ""
    if not name:
        raise ValueError("expected the name of a class")
    return name


def stated_time(entry: Any, names: Sequence[str] = ("updated_at", "created_at")) -> str:
    """Return the time that the first of some members of an object states; empty where none does.

    Times are texts such as "2026-01-31T10:00:00", which are ordered as the times are: the newest is the maximum.
    """
    stated = (entry.get(name) for name in names) if isinstance(entry, dict) else ()
    return str(next(filter(None, stated), ""))


def assemble_named(
    source: Path,
    format: str,
    contents: Mapping[str, NamedContent | BadInput],
    classes: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Dataset:
    """Make a dataset of the contents of its splits, whose images have been found.

    Args:
        source: what the user gave, for messages.
        format: the format in words.
        contents: what was read of each split, or why it could not be.
        classes: the classes in the order of their labels; where empty, those that the files state, or else the names
            that occur, sorted.
        notes: what has been decided so far.

    Raises:
        BadInput: no object is annotated, or no split has images.
    """
    read = {split: content for split, content in contents.items() if isinstance(content, NamedContent)}
    stated = dict.fromkeys(name for content in read.values() for name in content.order)
    names = tuple(classes or stated or sorted({name for content in read.values() for name in content.classes}))
    if not names:
        raise BadInput(_nothing(source, contents))
    left_out = _left_out_images(read.values())
    labels = {name: label for label, name in enumerate(names)}
    splits = {
        split: content if isinstance(content, BadInput) else _annotations(content, labels)
        for split, content in contents.items()
    }
    mapping = "labels: " + ", ".join(f"{label} {name!r}" for label, name in enumerate(names))
    of_splits = [note for content in read.values() for note in content.notes]
    notes = [*notes, mapping, *of_splits, *counted(read.values()), *left_out]
    return assemble(source, format, names, tuple(range(1, len(names) + 1)), splits, notes)


def counted(contents: Iterable[NamedContent]) -> list[str]:
    """Return a note on each thing that was counted, one for all splits of a file."""
    counts: Counter[tuple[Path, str]] = Counter()
    for content in contents:
        counts.update({(content.path, what): count for what, count in content.counts.items()})
    return [f"{path}: {what} ({count})" for (path, what), count in counts.items()]


def _annotations(content: NamedContent, labels: Mapping[str, int]) -> Annotations:
    """Return the content with final labels; boxes of other classes are reported and left out."""
    table = content.boxes.table
    final = np.array([labels.get(name, -1) for name in content.classes], np.int64)
    stated, table["label"] = table["label"].copy(), final[table["label"]]
    unknown = table["label"] < 0
    if unknown.any():
        names, rows = list(content.classes), np.flatnonzero(unknown)

        def describe(row: int) -> tuple[str, str]:
            return content.locate_box(int(table["number"][row])), f"{names[stated[row]]!r} is not among the classes"

        content.problems.add_many("unknown class", rows, describe, "dropped")
        content.problems.boxes_total += len(rows)
        content.problems.lost_boxes += len(rows)
        content.boxes = content.boxes.select(~unknown)
    return Annotations(
        source=str(content.path),
        locate_image=content.locate_image,
        locate_box=content.locate_box,
        form=content.form,
        fractions=content.fractions,
        folder=content.folder,
        images=content.images,
        boxes=content.boxes,
        problems=content.problems,
    )


def _folder_around(path: Path) -> Path:
    """Return the folder of an annotation file; the one above it where that is only for annotations."""
    name = path.parent.name.lower()
    return path.parent.parent if name.startswith(("annotation", "label", "csv")) else path.parent


def _hashed_stems(paths: Iterable[str]) -> np.ndarray:
    """Return a hash of each file name without its folders and its suffix, int64 [n]."""
    return np.fromiter((hash(os.path.splitext(os.path.basename(path))[0]) for path in paths), np.int64)


def _left_out_images(contents: Iterable[NamedContent]) -> list[str]:
    """Return a note for each folder in which images lie that none of the splits names."""
    named: dict[str, array] = {}  # hashes of the names of images, by folder
    for content in contents:
        folders: dict[str, array] = {}  # the same, by folder as the names state it
        for name in content.images.names:
            stated, base = os.path.split(name)
            if stated not in folders:
                folder = os.path.normpath(os.path.join(content.folder, stated))
                folders[stated] = named.setdefault(folder, array("q"))
            folders[stated].append(hash(base))
    counts = {folder: _count_others(folder, np.array(hashes)) for folder, hashes in named.items()}
    return [
        f"images in {folder} that the annotations do not name are left out ({count})"
        for folder, count in counts.items()
        if count
    ]


def _count_others(folder: str, named: np.ndarray) -> int:
    """Return how many images lie in a folder whose names do not have one of some hashes, int64 [n]."""
    images = np.fromiter((hash(name) for name in unordered_names(folder) if is_image_name(name)), np.int64)
    return int(np.count_nonzero(~np.isin(images, named)))


def _nothing(source: Path, contents: Mapping[str, NamedContent | BadInput]) -> str:
    """Return why there are no classes."""
    read = [content.problems for content in contents.values() if isinstance(content, NamedContent)]
    refused = [str(error) for error in contents.values() if isinstance(error, BadInput)]
    return no_classes(source, read, refused)
