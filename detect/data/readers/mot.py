"""MOT Challenge: a folder for each sequence, with its frames in `img1` and the boxes of all of them in `gt/gt.txt`.

    1,3,794.27,247.59,71.25,174.88,1,1,0.8

Source: "File format" of motchallenge.net, and the page on MOT of docs.cvat.ai. A line has the number of the frame, that
of the track, then the left and the upper edge, width and height in pixels, a flag that is 0 where the object is ignored
in scoring, and the number of the class. Ignored objects become ignore regions. Tracks are not read.

In files of the challenge, pixels count from 1, and the classes are those of MOT16 to MOT20; a line without a class is a
pedestrian, as in MOT15. Where `gt/labels.txt` names the classes, as CVAT writes it, pixels count from 0.

Frames are named by their numbers, as in 000001.jpg; where one is not, they are numbered in the order of their names. A
frame without a line is background. All sequences of a folder are the training split, unless they lie in folders that
are named after splits. MOT17 has each sequence three times, once for each detector that trackers start from: one is
read.
"""

import os
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.assembly.hulls import Box
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_lines, read_names
from detect.data.readers.kinds.folder_format import FolderFormat
from detect.data.readers.kinds.named_content import NamedContent
from detect.errors import BadInput

_TRUTH, _LABELS, _FRAMES = os.path.join("gt", "gt.txt"), os.path.join("gt", "labels.txt"), "img1"
_NO_CLASS = -1
_DETECTORS = ("-DPM", "-FRCNN", "-SDP")  # endings of the names of the folders that MOT17 has of a sequence
_LOOKED_AT = 20  # folders in a folder of which one has to be a sequence
_NAMES = (
    *("pedestrian", "person on vehicle", "car", "bicycle", "motorbike", "non motorized vehicle", "static person"),
    *("distractor", "occluder", "occluder on the ground", "occluder full", "reflection", "crowd"),
)


class _Object(NamedTuple):
    """The content of a line."""

    frame: int
    box: Box
    ignore: bool
    name: str


class _Labels(NamedTuple):
    """Meaning of the numbers in the files of a sequence."""

    names: Sequence[str]  # of the classes from 1 on
    first_pixel: int


class _Sequences(NamedContent):
    """The content of the sequences in a folder; entries are files, and positions of boxes are lines from 1."""

    def __init__(self, folder: Path, sequences: Sequence[Path]):
        super().__init__(folder, Form.SIZE)
        self.folder, self.sequences = str(folder), sequences

    def place(self, entry: int) -> str:
        return str(self.sequences[entry] / _TRUTH)

    def place_of_box(self, entry: int, position: int) -> str:
        return f"{self.place(entry)}:{position}"

    def add_sequence(self, entry: int) -> None:
        """Add the frames of a sequence and their boxes; BadInput where a file cannot be read."""
        sequence = self.sequences[entry]
        lines, labels = read_lines(sequence / _TRUTH), _labels(sequence)
        folder = os.path.relpath(sequence / _FRAMES, self.folder)
        frames = _numbered(Folder(sequence / _FRAMES))
        rows = {number: self.add_image(os.path.join(folder, name), entry) for number, name in frames.items()}
        for number, line in enumerate(lines, 1):
            if line:
                self._add_line(entry, number, line, labels, rows)

    def _add_line(self, entry: int, number: int, line: str, labels: _Labels, rows: Mapping[int, int]) -> None:
        try:
            stated = _parse(line, labels)
            row = rows.get(stated.frame)
            if row is None:
                raise ValueError(f"the frame {stated.frame} is not in {_FRAMES}")
        except (ValueError, OverflowError) as error:
            self.drop_box_at(self.place_of_box(entry, number), f"{error}, found {line!r:.120}")
            return
        self.add_box(row, number, stated.box, stated.name, stated.ignore)


def _parse(line: str, labels: _Labels) -> _Object:
    """Read a line; ValueError where it does not state a box."""
    fields = line.split(",")
    if len(fields) < 7:
        raise ValueError("expected a frame, a track, four numbers of a box, and a flag")
    frame, _, x, y, width, height, flag = map(float, fields[:7])
    label = float(fields[7]) if len(fields) > 7 else _NO_CLASS
    if label == _NO_CLASS:
        label = 1
    if label - 1 not in range(len(labels.names)) or not frame.is_integer():
        raise ValueError(f"expected the numbers of a frame and of a class, 1 to {len(labels.names)}")
    x, y = x - labels.first_pixel, y - labels.first_pixel
    return _Object(int(frame), (x, y, x + width, y + height), flag == 0, labels.names[int(label) - 1])


def _labels(sequence: Path) -> _Labels:
    path = sequence / _LABELS
    return _Labels(read_names(path), 0) if os.path.lexists(path) else _Labels(_NAMES, 1)


def _numbered(folder: Folder) -> dict[int, str]:
    """Return the names of the frames by their numbers; BadInput where two have the same."""
    names = list(filter(is_image_name, folder.names))
    stems = [os.path.splitext(name)[0] for name in names]
    numbers = map(int, stems) if all(map(str.isdecimal, stems)) else range(1, len(names) + 1)
    frames = dict(zip(numbers, names, strict=True))
    if len(frames) < len(names):
        raise BadInput(f"{folder.path}: several frames have the same number. Keep one file of each.")
    return frames


def _sequences(folder: Folder, most: int | None = None) -> list[Path]:
    """Return the folder if it is a sequence, else the folders in it that are, of which at most some are looked at."""
    if _is_sequence(folder.path):
        return [folder.path]
    return [inside.path for inside in islice(folder.folders, most) if _is_sequence(inside.path)]


def _without_repeated(sequences: Sequence[Path]) -> list[Path]:
    """Return the first folder of each sequence."""
    first: dict[str, Path] = {}
    for path in sequences:
        detector = next(filter(path.name.endswith, _DETECTORS), "")
        first.setdefault(path.name.removesuffix(detector), path)
    return list(first.values())


def _is_sequence(path: Path) -> bool:
    return os.path.isfile(path / _TRUTH) and os.path.isdir(path / _FRAMES)


def _load(folder: Path) -> NamedContent:
    """Read the sequences in a folder; BadInput where a file cannot be read, or there are no frames."""
    found = _sequences(Folder(folder))
    content = _Sequences(folder, _without_repeated(found))
    if repeated := len(found) - len(content.sequences):
        content.notes.append(
            f"folders in {folder} repeat a sequence for another detector: one of each is read (left out: {repeated})"
        )
    for entry in range(len(content.sequences)):
        content.add_sequence(entry)
    if not len(content.images):
        raise BadInput(f"{folder}: there are no images in the folders {_FRAMES} of its sequences.")
    return content


READER = FolderFormat(
    name="MOT Challenge",
    folder="MOT Challenge",
    files="*/gt/gt.txt and */img1",
    holds_files=lambda folder: bool(_sequences(folder, _LOOKED_AT)),
    load=_load,
).reader()
