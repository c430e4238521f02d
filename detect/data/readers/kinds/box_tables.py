"""The content of tables with a box per row: the name of its image, its class and four numbers.

The rows of an image need not follow each other. Millions of rows are converted column by column, and only where one of
many cannot be, row by row, to report it with its line.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from detect.data.readers.assembly.annotations import NO_SIZE, flag
from detect.data.readers.assembly.box_forms import Form, corners_of
from detect.data.readers.files.tables import Row, read_rows
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.line_contents import LineContent
from detect.data.readers.kinds.named_content import NamedContent


@dataclass(frozen=True)
class Columns:
    """The positions of what the rows of a table state."""

    name: int  # of the image
    label: int  # of the class
    box: tuple[int, ...]  # of the four numbers in the order of `form`
    form: Form = Form.CORNERS
    size: tuple[int, ...] = ()  # of the image's width and height; empty where they are not stated
    ignore: int | None = None  # of the flag of boxes that are to be ignored
    fractions: bool = False  # whether boxes are fractions of the image
    header: bool = True  # whether the first row names the columns


def read_table(path: Path, columns: Columns) -> NamedContent:
    """Read a table with a box per row. A row whose box and class are empty is an image without boxes.

    Rows that cannot be used are reported.

    Raises:
        BadInput: the file cannot be read, or is not a table.
    """
    content, header = _TableContent(path, columns), columns.header
    for lines, rows in read_rows(path):
        content.add_rows(lines[header:], rows[header:])
        header = False
    content.join_images()
    return content


class _TableContent(LineContent):
    """The content of a table; the entries of images and the numbers of boxes are lines."""

    def __init__(self, path: Path, columns: Columns):
        super().__init__(path, columns.form, columns.fractions)
        self._columns, self._last_name = columns, ""

    def locate_box(self, number: int) -> str:
        return self.place(number)

    def add_rows(self, lines: Sequence[int], rows: Sequence[Row]) -> None:
        """Add the boxes of some rows, all at once where all of them can be used."""
        try:
            self._add(lines, rows)
        except (ValueError, IndexError):
            for line, row in zip(lines, rows, strict=True):
                self._add_row(line, row)

    def _add(self, lines: Sequence[int], rows: Sequence[Row]) -> None:
        """Add the boxes of some rows; ValueError or IndexError, and nothing is added, where one of them has none."""
        columns = self._columns
        labels = [row[columns.label].strip() for row in rows]
        if not all(labels) or not all(map(can_name_file, {row[columns.name] for row in rows})):
            raise ValueError("expected the names of an image and of a class")
        numbers = [np.array([float(row[position]) for row in rows]) for position in columns.box]
        ignore = [columns.ignore is not None and bool(flag(row[columns.ignore])) for row in rows]
        self.boxes.extend(
            rows=[self._image(line, row) for line, row in zip(lines, rows, strict=True)],
            numbers=lines,
            boxes=corners_of(numbers, columns.form),
            labels=[*map(self.label, labels)],
            ignore=ignore,
        )

    def _image(self, line: int, row: Row) -> int:
        """Return the row of the image of a row of the table, a new one where the row before names another image."""
        name = row[self._columns.name].strip()
        if name != self._last_name:
            self._last_name = name
            self.add_image(name, line, self._size(row))
        return len(self.images) - 1

    def _size(self, row: Row) -> tuple[int, int]:
        try:
            width, height = (int(float(row[position])) for position in self._columns.size)
        except (ValueError, IndexError, OverflowError):
            return NO_SIZE
        return width, height

    def _add_row(self, line: int, row: Row) -> None:
        """Add the image that a row names, and its box if it has one; report why the row cannot be used."""
        try:
            if can_name_file(row[self._columns.name]):
                self._image(line, row)
            if not self._is_empty(row):
                self._add([line], [row])
        except (ValueError, IndexError):
            self.problems.boxes_total += 1
            what = f"expected an image, a class and four numbers, found {','.join(row)!r:.120}"
            self.problems.add("malformed line", self.place(line), what, "dropped", boxes=1)

    def _is_empty(self, row: Row) -> bool:
        """Return whether a row names an image, and neither a class nor a box."""
        columns = self._columns
        stated = any(row[position].strip() for position in (columns.label, *columns.box))
        return not stated and can_name_file(row[columns.name])
