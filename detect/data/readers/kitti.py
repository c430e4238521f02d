"""KITTI: a text file per image in `label_2`, which NVIDIA TAO and CVAT write, too.

    Car 0.00 0 -1.58 10.00 5.00 30.00 15.00 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59

Source: the readme of KITTI's object development kit. A line has the class, truncation, occlusion, an angle, and then
the corners x1, y1, x2, y2 in pixels, counted from 0; what follows is about three dimensions. `DontCare` is a region in
which objects are not labelled. It has no class, so it cannot be ignored here: it is left out and counted in a note.

Images are in `image_2`, beside `label_2` or, as NVIDIA TAO has it, in `images` beside `labels`. These folders are the
training split, unless they lie in folders that are named after splits, such as KITTI's own `training`.
"""

from pathlib import Path

from detect.data.readers.files.listing import Folder
from detect.data.readers.kinds.folder_format import FolderFormat
from detect.data.readers.kinds.named_content import NamedContent
from detect.data.readers.kinds.text_annotations import Stated, holds_annotations, load_annotations

_FOLDERS = (("label_2", "image_2"), ("labels", "images"))  # of the text files and of the images
_FIELDS = 15
_NO_CLASS = "dontcare"


def parse_line(line: str) -> Stated:
    """Read a line of a file of KITTI; ValueError where it is not one."""
    name, *fields = line.split()
    if len(fields) + 1 != _FIELDS:
        score = ": is the last one a score?" if len(fields) == _FIELDS else ""
        raise ValueError(f"expected a class and {_FIELDS - 1} numbers, found {len(fields) + 1} fields{score}")
    _, _, _, x1, y1, x2, y2, *_ = map(float, fields)
    return Stated("" if name.lower() == _NO_CLASS else name, (x1, y1, x2, y2))


def _folders(folder: Folder) -> tuple[str, str] | None:
    """Return the names of the folders of the text files and of the images; None where there are no such files."""
    names = {inside.path.name for inside in folder.folders}
    pairs = (pair for pair in _FOLDERS if names.issuperset(pair))
    return next((pair for pair in pairs if holds_annotations(folder.inside(pair[0]), parse_line)), None)


def _load(folder: Path) -> NamedContent:
    labels, images = _folders(Folder(folder)) or _FOLDERS[0]
    return load_annotations(folder / labels, folder / images, parse_line)


READER = FolderFormat(
    name="KITTI",
    folder="KITTI",
    files="label_2/*.txt and image_2, or labels/*.txt and images",
    holds_files=lambda folder: _folders(folder) is not None,
    load=_load,
).reader()
