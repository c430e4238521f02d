"""The content of folders with a text file for each image, and an object on each line of it."""

import os
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.hulls import Box
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_lines
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.stems import Stems
from detect.data.readers.named_content import NamedContent
from detect.data.texts import Texts
from detect.errors import BadInput

_LOOKED_AT = 20  # text files in a folder of which one has to be of the format
_SUFFIXES = (".txt",)


class Stated(NamedTuple):
    """What a line states."""

    name: str  # of the class; empty for a region of none
    box: Box
    ignore: bool = False


Parse = Callable[[str], Stated]  # takes a line that is not empty; ValueError where it does not state a box


def holds_annotations(folder: Folder, parse: Parse) -> bool:
    """Return whether there are text files in a folder of which one begins with a line that can be parsed."""
    return any(_is_stated(path, parse) for path in islice(folder.files_with(_SUFFIXES), _LOOKED_AT))


def load_annotations(folder: Path, images: Path, parse: Parse) -> NamedContent:
    """Read the text files in a folder.

    Args:
        folder: of the text files.
        images: the folder of the images, which have the names of the text files.
        parse: reads a line.

    Raises:
        BadInput: none of the images is found.
    """
    content = _TextFiles(folder, images)
    for entry in range(len(content.files)):
        content.add_file(entry, parse)
    content.finish()
    content.find_images(AnnotationFile(folder / content.files[0], images))
    return content


def _is_stated(path: Path, parse: Parse) -> bool:
    try:
        parse(next(filter(None, read_lines(path))))
    except (BadInput, ValueError, StopIteration):
        return False
    return True


class _TextFiles(NamedContent):
    """The content of the text files in a folder; entries are files, and positions of boxes are lines from 1."""

    def __init__(self, folder: Path, images: Path):
        super().__init__(folder)
        self.files = Texts(path.name for path in Folder(folder).files_with(_SUFFIXES))
        names = list(filter(is_image_name, Folder(images).names))
        self._stems = Stems(names)
        self._counts: Counter[str] = Counter()  # by what is said of them in a note
        unlabelled = len(names) - len(self.files)
        if unlabelled > 0:
            self._counts[f"images in {images} have no text file and are left out"] = unlabelled

    def place(self, entry: int) -> str:
        return os.path.join(self.path, self.files[entry])

    def locate_box(self, number: int) -> str:
        return super().locate_box(number).replace(", annotation ", ":")

    def add_file(self, entry: int, parse: Parse) -> None:
        """Add the image of a file and its boxes, or report why that is not possible."""
        try:
            lines = read_lines(Path(self.place(entry)))
        except BadInput as error:
            self.drop_image(entry, str(error))
            return
        stem = os.path.splitext(self.files[entry])[0]
        row = self.add_image(self._stems.find(stem) or f"{stem}.jpg", entry)
        for number, line in enumerate(lines, 1):
            if line:
                self._add_line(row, number, line, parse)

    def finish(self) -> None:
        """Say what was decided."""
        self.notes += [f"{self.path}: {count} {what}" for what, count in self._counts.items()]

    def _add_line(self, row: int, number: int, line: str, parse: Parse) -> None:
        try:
            stated = parse(line)
        except (ValueError, OverflowError) as error:
            self.drop_box(row, number, f"{error}, found {line!r:.120}")
            return
        if stated.name:
            self.add_box(row, number, stated.box, stated.name, stated.ignore)
        else:
            self._counts["regions to be ignored are of no class and are left out: they count as background"] += 1
