"""WIDER FACE: a text file per split with the boxes of faces, in `wider_face_split`.

    0--Parade/0_Parade_marchingband_1_849.jpg
    1
    449 330 122 149 0 0 0 0 0 0

Source: the readme of WIDER FACE. The name of an image is followed by the number of its faces and a line for each: x, y,
width and height in pixels, blur, expression, illumination, whether the face is invalid, occlusion and pose. An image
without faces has one line of zeros. Invalid faces become ignore regions. The only class is `face`.

The files are those whose names end with `_bbx_gt.txt`, each of the split in its name; images are in folders such as
`WIDER_train/images`.
"""

from functools import partial
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.annotations import NO_AREA
from detect.data.readers.assembly.assembling import attempt
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_lines
from detect.data.readers.images.annotation_files import AnnotationFile, files_by_split
from detect.data.readers.images.locating import split_named
from detect.data.readers.kinds.line_contents import LineContent
from detect.data.readers.kinds.named_content import NamedContent, assemble_named
from detect.data.readers.reader import DatasetFolder, Reader

FORMAT = "WIDER FACE"
_SUFFIX = "_bbx_gt.txt"
_INSIDE = "wider_face_split"
_CLASS = "face"
_FIELDS, _INVALID = 10, 7  # numbers of a line, and the position of the flag
_DIGITS = 9  # of a count, at most


def is_wider_face(folder: Folder) -> bool:
    """Return whether there are files of WIDER FACE in a folder, or in `wider_face_split` in it."""
    return bool(_files(folder))


def read_wider_face(folder: Path) -> Dataset:
    """Read the file of each split.

    Raises:
        BadInput: two files are of one split, no face is annotated, or no split has images.
    """
    files, notes = files_by_split(folder, _files(Folder(folder)))
    contents = {split: attempt(partial(_load, file.path, split)) for split, file in files.items()}
    return assemble_named(folder, FORMAT, contents, notes=notes)


def _files(folder: Folder) -> list[Path]:
    return list(folder.files_with((_SUFFIX,))) or list(folder.inside(_INSIDE).files_with((_SUFFIX,)))


def _load(path: Path, split: str) -> NamedContent:
    """Read a file; BadInput where none of its images is found."""
    content = _Faces(path)
    for number, line in enumerate(read_lines(path), 1):
        content.add_line(number, line)
    content.end_image()
    content.find_images(AnnotationFile(path, _image_folder(path, split)))
    return content


def _image_folder(path: Path, split: str) -> Path | None:
    """Return the folder of the images of a split, such as `WIDER_train/images`, beside a file or beside its folder."""
    beside = [inside for root in list(path.parents)[:2] for inside in Folder(root).folders]
    named = (inside.path for inside in beside if split_named(inside.path.name) == split)
    return next((inside / "images" for inside in named if (inside / "images").is_dir()), None)


class _Faces(LineContent):
    """The content of a file while it is read."""

    def __init__(self, path: Path):
        super().__init__(path, Form.SIZE)
        self._row, self._line = -1, 0  # of the last image, and where it is named
        self._expected = 0  # faces of this image that are still to come

    def locate_box(self, number: int) -> str:
        return self.place(number)

    def add_line(self, number: int, line: str) -> None:
        """Take the name of an image, the number of its faces, or a face; report what is none of these."""
        if is_image_name(line):
            self.end_image()
            self._row, self._line = self.add_image(line, number), number
        elif line.isdecimal() and len(line) <= _DIGITS:
            self._expected = int(line)
        elif line and (self._expected or line.split() != ["0"] * _FIELDS):
            self._expected -= 1
            self._add_face(number, line)

    def end_image(self) -> None:
        """Report faces of the last image that are not there."""
        if self._expected > 0:
            what = f"{self._expected} faces that are announced are not in the file"
            self.problems.boxes_total += self._expected
            self.problems.add("missing annotation", self.place(self._line), what, "lost", boxes=self._expected)
        self._expected = 0

    def _add_face(self, number: int, line: str) -> None:
        try:
            x, y, width, height, *flags = map(float, line.split())
            if self._row < 0 or len(flags) != _FIELDS - 4:
                raise ValueError
        except ValueError:
            self.problems.boxes_total += 1
            what = f"expected the name of an image, or {_FIELDS} numbers of a face, found {line!r:.120}"
            self.problems.add("malformed line", self.place(number), what, "dropped", boxes=1)
            return
        box = (x, y, x + width, y + height)
        self.boxes.append(self._row, number, box, self.label(_CLASS), flags[_INVALID - 4] == 1, NO_AREA)


READER = Reader(
    folders=(DatasetFolder(FORMAT, "wider_face_split/*_bbx_gt.txt", is_wider_face, read_wider_face, described=False),)
)
