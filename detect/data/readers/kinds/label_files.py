"""YOLO's label files: one per image, one line per object, in fractions of the image.

A line is `class cx cy width height`, or `class x1 y1 x2 y2 x3 y3 ...`: a polygon or a rotated box, whose upright hull
is taken. The label file of `images/train/a.jpg` is `labels/train/a.txt`, or lies beside the image; an image without
one is background.
"""

import os
from array import array
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from detect.data.pixels.headers import is_image_name
from detect.data.problems import Problems
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_encodings import decode
from detect.data.readers.files.text_files import read_bytes
from detect.data.readers.images.stems import Stems
from detect.data.regular_files import is_absent
from detect.data.texts import Texts
from detect.errors import BadInput

_QUOTES = b"\"'"  # in which some programs write class numbers
_OUTSIDE = 2  # a point of a polygon is at most this far, in sides of the image: others are not fractions


class ListedImages:
    """Images, and where each is named: in a list, or by lying in a folder. Each takes 24 bytes and its path."""

    def __init__(self) -> None:
        self.paths = Texts()
        self._sources: dict[str, int] = {}
        self._source, self._line = array("q"), array("q")  # of each image

    def add(self, path: str, source: str, line: int = 0) -> None:
        """Add an image that a list names in a line, counted from 1, or that lies in a folder, `source`."""
        self.paths.append(path)
        self._source.append(self._sources.setdefault(source, len(self._sources)))
        self._line.append(line)

    def place(self, index: int) -> str:
        """Return where an image is named."""
        source, line = list(self._sources)[self._source[index]], self._line[index]
        return f"{source}:{line}" if line else source


def read_labels(
    source: str, images: ListedImages, labels: Mapping[int, int], notes: list[str], keypoints: bool = False
) -> Annotations:
    """Read one split from the label files of its images.

    Args:
        source: what lists the images, for messages.
        images: the images, whose label files are read.
        labels: class number in the files -> label.
        notes: sentences on images without a label file, and on polygons, are added to it.
        keypoints: whether the numbers behind a box on its line are key points.

    Raises:
        BadInput: none of the images has a label file.
    """
    paths, listed = Texts(), array("q")  # of each row: its label file, and its position among the images
    rows, lines = array("q"), array("q")  # of each box: its row, and its line in the label file
    annotations = Annotations(
        source=source,
        locate_image=lambda row: images.place(listed[row]),
        locate_box=lambda number: f"{paths[rows[number]]}:{lines[number]}",
        form=Form.CENTRE,
        kept_form=Form.CENTRE,
        fractions=True,
    )
    files, labelled, unlabelled, polygons = LabelFiles(), 0, 0, 0
    for index, image in enumerate(images.paths):
        try:
            path, text = files.read(image)
        except BadInput as error:
            annotations.problems.images_total += 1
            annotations.problems.add(
                "unreadable label file", images.place(index), str(error), "image left out", images=1
            )
            continue
        row = annotations.add_image(image, len(annotations.images) + 1)
        paths.append(path)
        listed.append(index)
        labelled += bool(path)
        unlabelled += not path and os.path.exists(image)  # a missing image is reported as such
        for number, line in enumerate(text.splitlines(), 1):
            fields = line.split()
            if fields and _add_line(annotations, row, fields, labels, f"{path}:{number}", keypoints):
                rows.append(row)
                lines.append(number)
                polygons += len(fields) > 5 and not keypoints
    if unlabelled and not labelled:
        raise BadInput(_no_labels(source, images.paths))
    if unlabelled:
        notes.append(f"{source}: images without a label file are background ({unlabelled} of {len(images.paths)})")
    if polygons:
        notes.append(f"{source}: polygons and rotated boxes are replaced by their upright hulls ({polygons})")
    return annotations


class LabelFiles:
    """The label files of images."""

    def __init__(self) -> None:
        # Of label files: the folders in which one was not found under the name that it should have.
        self._folders: dict[str, Stems] = {}
        # Of images: the folders in which one may have a label file with the prefix of an upload.
        self._images: dict[str, Stems] = {}

    def read(self, image: str) -> tuple[str, str]:
        """Return the path and the text of the label file of an image; both are empty where there is none.

        Raises:
            BadInput: the label file cannot be read.
        """
        paths = label_paths(image)
        uploaded = (self._uploaded(path, image) for path in paths)
        for path in chain(paths, filter(None, map(self._respelled, paths)), filter(None, uploaded)):
            text = _text_if_present(path)
            if text is not None:
                return path, text
        return "", ""

    def _respelled(self, path: str) -> str | None:
        """Return the file that a path means, where its case, its Unicode form or its percent-encoding differ."""
        folder, name = os.path.split(path)
        found = self._labels(folder).find(os.path.splitext(name)[0])
        return os.path.join(folder, found) if found and found != name else None

    def _uploaded(self, path: str, image: str) -> str | None:
        """Return the file that a path means but for the prefix of an upload, if it is not that of another image."""
        folder, name = os.path.split(path)
        found = self._labels(folder).find_uploaded(os.path.splitext(name)[0])
        if found is None:
            return None
        beside, own = os.path.split(image)
        if beside not in self._images:
            self._images[beside] = Stems(image_names(Folder(beside).names))
        images, stem = self._images[beside], os.path.splitext(found)[0]
        is_clear = images.find(stem) is None and images.find_uploaded(stem) == own
        return os.path.join(folder, found) if is_clear else None

    def _labels(self, folder: str) -> Stems:
        if folder not in self._folders:
            self._folders[folder] = Stems(label_names(folder))
        return self._folders[folder]


def _text_if_present(path: str) -> str | None:
    try:
        return decode(read_bytes(path).translate(None, _QUOTES))[0]
    except OSError as error:
        if is_absent(error):
            return None
        raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
    except ValueError:
        raise BadInput(f"{path}: is not a text file. Save it as UTF-8.") from None


def label_paths(image: str) -> list[str]:
    """Return where the labels of an image may be: in `labels` for the last `images` of its path, or beside it."""
    beside = os.path.splitext(image)[0] + ".txt"
    for folder in (f"{os.sep}images{os.sep}", f"{os.sep}JPEGImages{os.sep}"):
        start, found, end = beside.rpartition(folder)
        if found:
            return [f"{start}{os.sep}labels{os.sep}{end}", beside]
    return [beside]


def label_names(folder: str | Path) -> list[str]:
    """Return the names of the text files in a folder, ordered; none where there is no folder."""
    return [name for name in Folder(folder).names if name.lower().endswith(".txt")]


def is_label_file(path: str | Path) -> bool:
    """Return whether the first line of a text file is an object: a list of classes may lie beside labels."""
    try:
        lines = decode(read_bytes(path))[0].split("\n")
    except (OSError, ValueError):
        return False
    try:
        _parse(next((line.split() for line in lines if line.strip()), []), keypoints=True)
    except ValueError:
        return False
    return True


def image_names(names: Sequence[str]) -> list[str]:
    """Return those of some names of files that are names of images."""
    return list(filter(is_image_name, names))


def report_labels_without_image(folder: Path, problems: Problems) -> None:
    """Report each label file that belongs to an image below `folder` which is not there, or of an unknown kind.

    An image of an unknown kind is lost. Where there is none at all, someone may have removed it on purpose.
    """
    for parent, names in Folder(folder).walk():
        images = Stems(image_names(names))
        if len(images) or "labels" not in Path(parent).parts:  # else it holds labels of images elsewhere
            others = Stems(name for name in names if not name.lower().endswith(".txt"))
            for path in label_paths(os.path.join(parent, "x")):
                _report_labels(os.path.dirname(path), parent, images, others, problems)


def _report_labels(folder: str, parent: str, images: Stems, others: Stems, problems: Problems) -> None:
    """Report label files in `folder` whose image is not among the `images` of `parent`."""
    names = label_names(folder)
    labels = Stems(names)
    for name in names:
        stem, path = os.path.splitext(name)[0], os.path.join(folder, name)
        if images.find(stem) or _is_of_upload(name, images, labels) or not is_label_file(path):
            continue
        other = others.find(stem)
        what = f"{os.path.join(parent, other)} is not an image that can be read" if other else f"no image in {parent}"
        problems.images_total += bool(other)
        problems.add("label file without an image", path, what, "left out", images=int(bool(other)))


def _is_of_upload(name: str, images: Stems, labels: Stems) -> bool:
    """Return whether a label file is that of the image from which it differs by the prefix of an upload."""
    image = images.find_uploaded(os.path.splitext(name)[0])
    stem = os.path.splitext(image or "")[0]
    return image is not None and labels.find(stem) is None and labels.find_uploaded(stem) == name


def _add_line(
    annotations: Annotations, row: int, fields: list[str], labels: Mapping[int, int], where: str, keypoints: bool
) -> bool:
    """Add the object of one line, or report what is wrong with it; return whether it was added."""
    try:
        number, box = _parse(fields, keypoints)
    except ValueError as error:
        kind, what = "malformed line", str(error)
    else:
        if number in labels:
            annotations.add_box(row, box, labels[number])
            return True
        kind, what = "unknown class", f"class {fields[0][:20]}, expected 0 to {len(labels) - 1}"
    annotations.problems.boxes_total += 1
    annotations.problems.add(kind, where, what, "dropped", boxes=1)
    return False


def _parse(fields: list[str], keypoints: bool) -> tuple[int, tuple[float, float, float, float]]:
    """Return the class number, and the centre, width and height of the box in fractions, of one line."""
    try:
        number, *values = map(float, fields)
    except ValueError:
        raise ValueError(f"not numbers: {' '.join(fields)[:80]!r}") from None
    if not number.is_integer():
        raise ValueError(f"the class {fields[0]!r} is not a whole number")
    if len(values) == 4 or (keypoints and len(values) > 4):
        x, y, width, height = values[:4]
        return int(number), (x, y, width, height)
    if len(values) < 6 or len(values) % 2:
        found = f"found {len(fields)} fields" + (": is the last one a score?" if len(fields) == 6 else "")
        raise ValueError(f"expected a class and 4 numbers, or a polygon of 3 points or more, {found}")
    columns, rows = values[0::2], values[1::2]
    if max(values) >= _OUTSIDE:
        raise ValueError(
            f"expected a polygon in fractions of the image, found {max(values):g}. Divide pixels by the size of the "
            "image; if these are key points, state `kpt_shape` in the data.yaml"
        )
    left, top, right, bottom = min(columns), min(rows), max(columns), max(rows)
    return int(number), ((left + right) / 2, (top + bottom) / 2, right - left, bottom - top)


def _no_labels(source: str, images: Texts) -> str:
    looked = " and ".join(label_paths(images[0]))
    return f"{source}: none of its images ({len(images)}) has a label file. For {images[0]}, looked for {looked}."
