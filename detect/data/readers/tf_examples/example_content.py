"""The images and boxes in records of `tf.train.Example`, packed as they are read, and what is wrong with them.

The image of a record stays where it is: its path is a part of the file (`detect.data.regular_files`). Nothing is
unpacked, and no image is in memory before it is needed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from detect.data.readers.assembly.annotations import NO_AREA, NO_SIZE, Annotations
from detect.data.readers.assembly.ids import NO_NUMBER
from detect.data.readers.images.named_images import parts_of
from detect.data.readers.tf_examples.tfrecord_files import StoredRecord, read_records
from detect.data.regular_files import file_of_part, path_of_part
from detect.data.tf_example import Example, Span

_MOST_PER_IMAGE = 2**20  # the number of a box is the row of its image times this, and its position there
_UNKNOWN = -1


class StatedClass(NamedTuple):
    """The class of a box as the box states it, by number, by text or both."""

    number: int | None = None
    text: str = ""


@dataclass(frozen=True)
class FeatureNames:
    """The names of the features of examples; those that are empty do not exist."""

    image: str
    file_name: str
    image_id: str
    size: tuple[str, str]  # width and height
    corners: tuple[str, ...]  # x1, y1, x2 and y2; or one, with y1, x1, y2 and x2 of each box in turns
    class_number: str
    class_text: str
    ignored: tuple[str, ...]  # flags; each of them makes a box a region to be ignored
    area: str


class _Image(NamedTuple):
    """The image of an example, as the example states it."""

    span: Span  # of the encoded image in the record, bytes
    name: str
    stated_id: object
    size: tuple[int, int]  # width and height, or NO_SIZE


class _Boxes(NamedTuple):
    """The columns of the n boxes of an example."""

    corners: tuple[list[float], ...]  # x1, y1, x2, y2, fractions of the image
    numbers: list[int]  # of the classes; like the following ones, n or none
    texts: list[bytes]
    ignored: list[list[float]]
    areas: list[float]

    def lengths(self) -> set[int]:
        """Return how many values the columns have that are stated."""
        optional: list[list] = [self.numbers, self.texts, *self.ignored, self.areas]
        return {len(column) for column in self.corners} | {len(column) for column in optional if column}


class ExampleSplit:
    """One split while it is read: the records of some files below a folder."""

    def __init__(self, folder: Path, names: FeatureNames, classes: dict[StatedClass, int]):
        """Begin with no images.

        Args:
            folder: to which the paths of images are relative.
            names: of the features.
            classes: what boxes say about their classes, numbered; what is new is added.
        """
        self._folder, self._names, self._classes = folder, names, classes
        self.annotations = Annotations(
            str(folder), self._locate_image, self._locate_box, fractions=True, folder=str(folder)
        )

    def add_file(self, path: Path) -> None:
        """Read the records of a file; what cannot be used is reported."""
        try:
            for record in read_records(path):
                self._add_record(path, record)
        except OSError as error:
            what = f"the file cannot be read: {error.strerror}"
            self.annotations.problems.add("unreadable file", str(path), what, "left out with its images", images=1)
            self.annotations.problems.images_total += 1

    def finish(self, labels: np.ndarray, describe: Callable[[int], str]) -> Annotations:
        """Return the annotations.

        Args:
            labels: the label of each number in `classes`, int [C]; -1 where it is not a class of the dataset.
            describe: number in `classes` -> what boxes say, for messages.
        """
        annotations, table = self.annotations, self.annotations.boxes.table
        ids = annotations.images.ids
        if (ids == NO_NUMBER).any() or len(np.unique(ids)) < len(ids):
            ids[:] = np.arange(1, len(ids) + 1)

        def describe_box(row: int) -> tuple[str, str]:
            return self._locate_box(int(table["number"][row])), describe(int(table["label"][row]))

        unknown = labels[table["label"]] == _UNKNOWN
        if unknown.any():
            problems, count = annotations.problems, int(np.count_nonzero(unknown))
            problems.add_many("unknown class", np.flatnonzero(unknown), describe_box, "dropped")
            problems.boxes_total += count
            problems.lost_boxes += count
            annotations.boxes = annotations.boxes.select(~unknown)
        known = annotations.boxes.table
        known["label"] = labels[known["label"]]
        return annotations

    def _add_record(self, path: Path, record: StoredRecord) -> None:
        try:
            example = Example(record.data)  # of a record with a fault it is empty, and has no image
            image, boxes = self._image(example), self._boxes(example)
        except (ValueError, OverflowError) as error:
            what = record.fault or f"expected a tf.train.Example with an image and boxes: {error}"
            problems, where = self.annotations.problems, f"{path}: record at byte {record.position}"
            problems.images_total += 1
            problems.add("damaged record", where, what, "left out", images=1)
            return
        self._add_boxes(self._add_image(path, record.position, image), boxes)

    def _image(self, example: Example) -> _Image:
        """Return what an example says about its image; ValueError where it has none."""
        names = self._names
        span = next(iter(example.spans(names.image)), (0, 0))
        if span[0] == span[1]:
            raise ValueError(f"the feature {names.image!r} holds no image")
        stated_id = _first_text(example, names.image_id) or next(iter(example.numbers(names.image_id)), None)
        size = tuple(int(number) for name in names.size for number in example.numbers(name))
        return _Image(span, _first_text(example, names.file_name), stated_id, size if len(size) == 2 else NO_SIZE)

    def _boxes(self, example: Example) -> _Boxes:
        names = self._names
        if len(names.corners) == 1:
            values = example.numbers(names.corners[0])
            corners = tuple(values[place::4] for place in (1, 0, 3, 2))
        else:
            corners = tuple(example.numbers(name) for name in names.corners)
        return _Boxes(
            corners,
            [int(number) for number in example.numbers(names.class_number)],
            example.texts(names.class_text),
            [example.numbers(name) for name in names.ignored],
            example.numbers(names.area),
        )

    def _add_image(self, path: Path, position: int, image: _Image) -> int:
        annotations, (start, end) = self.annotations, image.span
        number = NO_NUMBER if image.stated_id == image.name else annotations.keys.number(image.stated_id)
        parts = [part for part in parts_of(image.name) if part != ".."]
        name = "/".join(parts) or f"image-{len(annotations.images) + 1:06d}"
        file = path.relative_to(self._folder).as_posix()
        return annotations.add_image(path_of_part(file, position + start, end - start, name), number, image.size)

    def _add_boxes(self, row: int, boxes: _Boxes) -> None:
        annotations = self.annotations
        lengths = sorted(boxes.lengths())
        if len(lengths) > 1:
            what = f"expected as many values in all features of boxes, found {', '.join(map(str, lengths))}"
            annotations.problems.boxes_total += lengths[-1]
            annotations.problems.add(
                "malformed annotation", self._locate_image(row), what, "dropped", boxes=lengths[-1]
            )
            return
        for position, corners in enumerate(zip(*boxes.corners, strict=True)):
            ignore = any(flags[position] for flags in boxes.ignored if flags)
            area = boxes.areas[position] if boxes.areas else NO_AREA
            label = self._classes.setdefault(_class_of(boxes, position), len(self._classes))
            number = row * _MOST_PER_IMAGE + min(position, _MOST_PER_IMAGE - 1)
            annotations.boxes.append(row, number, corners, label, ignore, area)

    def _locate_image(self, row: int) -> str:
        path = self.annotations.path(row)
        part = file_of_part(path)
        return f"{part[0]}: {Path(path).name!r} at byte {part[1]}" if part else path

    def _locate_box(self, number: int) -> str:
        return f"{self._locate_image(number // _MOST_PER_IMAGE)}, box {number % _MOST_PER_IMAGE}"


def _class_of(boxes: _Boxes, position: int) -> StatedClass:
    return StatedClass(
        boxes.numbers[position] if boxes.numbers else None,
        boxes.texts[position].decode("utf-8", "replace").strip() if boxes.texts else "",
    )


def _first_text(example: Example, name: str) -> str:
    return next(iter(example.texts(name)), b"").decode("utf-8", "surrogateescape").replace("\0", "").strip()
