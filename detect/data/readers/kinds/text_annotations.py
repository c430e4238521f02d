"""The content of folders with a text file for each image, and an object on each line of it."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.hulls import Box
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_lines
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.stems import Stems
from detect.data.readers.kinds.folder_format import FolderContent, holds_some
from detect.data.readers.kinds.named_content import NamedContent

_SUFFIX = ".txt"


class Stated(NamedTuple):
    """The content of a line."""

    name: str  # of the class; empty for a region of none
    box: Box
    ignore: bool = False


Parse = Callable[[str], Stated]  # takes a line that is not empty; ValueError where it does not state a box


def holds_annotations(folder: Folder, parse: Parse) -> bool:
    """Return whether there are text files in a folder of which one begins with a line that can be parsed."""
    return holds_some(folder, _SUFFIX, lambda path: _is_stated(path, parse))


def load_annotations(folder: Path, images: Path, parse: Parse) -> NamedContent:
    """Read the text files in a folder.

    Args:
        folder: of the text files.
        images: the folder of the images, which have the names of the text files.
        parse: reads a line.

    Raises:
        BadInput: none of the images is found.
    """
    content = _TextFiles(folder, images, parse)
    content.add_files()
    content.find_images(AnnotationFile(folder / content.files[0], images))
    return content


def _is_stated(path: Path, parse: Parse) -> bool:
    try:
        parse(next(filter(None, read_lines(path))))
    except (ValueError, StopIteration):
        return False
    return True


class _TextFiles(FolderContent):
    """The content of the text files in a folder; positions of boxes are lines from 1."""

    def __init__(self, folder: Path, images: Path, parse: Parse):
        super().__init__(folder, _SUFFIX)
        self._parse = parse
        self._stems = Stems(filter(is_image_name, Folder(images).names))

    def place_of_box(self, entry: int, position: int) -> str:
        return f"{self.place(entry)}:{position}"

    def add_file(self, entry: int, path: Path) -> None:
        lines = read_lines(path)
        stem = os.path.splitext(self.files[entry])[0]
        row = self.add_image(self._stems.find(stem) or f"{stem}.jpg", entry)
        for number, line in enumerate(lines, 1):
            if line:
                self._add_line(row, number, line)

    def _add_line(self, row: int, number: int, line: str) -> None:
        try:
            stated = self._parse(line)
        except (ValueError, OverflowError) as error:
            self.drop_box(row, number, f"{error}, found {line!r:.120}")
            return
        if stated.name:
            self.add_box(row, number, stated.box, stated.name, stated.ignore)
        else:
            self.counts["regions to be ignored that are of no class are left out, and count as background"] += 1
