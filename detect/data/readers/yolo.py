"""YOLO labels: one text file per image, one line per object, in fractions of the image; described by a `data.yaml`.

A line is `class cx cy width height`, or `class x1 y1 x2 y2 x3 y3 ...`: a polygon, whose bounding box is taken. The
label file of `images/train/a.jpg` is `labels/train/a.txt`, or lies beside the image; an image without one is
background.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from detect.data.dataset import Dataset
from detect.data.pixels.headers import SUFFIXES
from detect.data.readers.annotations import Annotations
from detect.data.readers.assembling import assemble, attempt
from detect.data.readers.categories import Category, CategoryMap, map_categories
from detect.data.readers.locating import locate, locate_all
from detect.data.readers.reader import DatasetFile, Reader
from detect.data.readers.text_files import read_lines, read_yaml
from detect.errors import BadInput

FORMAT = "YOLO data.yaml"
_SPLITS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_MOST_CLASSES = 100_000  # where only their number is stated


def is_yolo(path: Path) -> bool:
    """Return whether a YAML file has what Ultralytics' description has: class names, and a split."""
    content = read_yaml(path)
    return ("names" in content or "nc" in content) and bool(set(_SPLITS) & set(content))


def read_yolo(path: Path) -> Dataset:
    """Read the dataset of an Ultralytics `data.yaml`: splits are folders of images, lists of these, or `.txt` lists."""
    content = read_yaml(path)
    classes = map_names(_names(content, path), path)
    notes = [*classes.notes]
    root = _root(content, path, notes)

    def read_split(name: str) -> Annotations:
        stated = content[name] if isinstance(content[name], list) else [content[name]]
        images = _images(stated, root, path, notes)
        return read_labels(f"{path}: {name}", images, classes.labels[str(path)], notes, "kpt_shape" in content)

    splits = {split: attempt(partial(read_split, name)) for name, split in _SPLITS.items() if content.get(name)}
    return assemble(path, FORMAT, classes.classes, classes.category_ids, splits, notes)


def map_names(names: Sequence[str], path: Path) -> CategoryMap:
    """Give labels to the class numbers 0, 1, ...: the same ones, except that two numbers of one name are one class."""
    return map_categories({str(path): [Category(number, name, "", True) for number, name in enumerate(names)]})


def read_list(path: Path, notes: list[str]) -> list[tuple[str, str]]:
    """Return the images that a text file lists, each with the place where it is named."""
    lines = [(number, line) for number, line in enumerate(read_lines(path), 1) if line]
    paths, ways = locate_all([line for _, line in lines], path.parent)
    notes.extend(f"{path}: {way}" for way in ways)
    return [(image, f"{path}:{number}") for image, (number, _) in zip(paths, lines, strict=True)]


def read_labels(
    source: str, images: list[tuple[str, str]], labels: Mapping[int, int], notes: list[str], keypoints: bool = False
) -> Annotations:
    """Read one split from the label files of its images.

    Args:
        source: what lists the images, for messages.
        images: paths, and for each the place where it is named.
        labels: class number in the files -> label.
        notes: a sentence on images without a label file is added to it.
        keypoints: whether the numbers behind a box on its line are key points.

    Raises:
        BadInput: none of the images has a label file, or one cannot be read.
    """
    origins: list[tuple[str, int]] = []  # of each box: its file and line
    annotations = Annotations(
        source=source,
        locate_image=lambda row: images[row][1],
        locate_box=lambda number: f"{origins[number][0]}:{origins[number][1]}",
        fractions=True,
    )
    labelled, unlabelled = 0, 0
    for image, _ in images:
        row = annotations.add_image(image, len(annotations.images) + 1)
        label_path, text = _label_text(image)
        if text is None:
            unlabelled += os.path.exists(image)  # a missing image is reported as such
            continue
        labelled += 1
        for number, line in enumerate(text.splitlines(), 1):
            fields = line.split()
            if fields and _add_line(annotations, row, fields, labels, f"{label_path}:{number}", keypoints):
                origins.append((label_path, number))
    if unlabelled and not labelled:
        raise BadInput(_no_labels(source, images))
    if unlabelled:
        notes.append(f"{source}: {unlabelled} of {len(images)} images have no label file and are background")
    return annotations


def _names(content: dict[str, Any], path: Path) -> list[str]:
    names = content.get("names")
    if names is None and isinstance(content.get("nc"), int) and content["nc"] <= _MOST_CLASSES:
        names = list(range(content["nc"]))
    if isinstance(names, dict) and set(names) == set(range(len(names))):
        names = [names[number] for number in range(len(names))]
    if not isinstance(names, list) or not names:
        raise BadInput(f"{path}: expected 'names' as a list, or as numbers from 0 with names, found {names!r:.120}.")
    if content.get("nc", len(names)) != len(names):
        raise BadInput(f"{path}: 'nc' is {content['nc']}, but 'names' has {len(names)}. Correct the wrong one.")
    return [str(name) for name in names]


def _root(content: dict[str, Any], path: Path, notes: list[str]) -> Path:
    """Return the folder that `path` in the YAML names, or the YAML's own where that does not exist here."""
    stated = content.get("path")
    if not stated:
        return path.parent
    found = locate(os.path.expanduser(str(stated)), path.parent)
    if found is None:
        notes.append(f"'path' {stated!r} does not exist here: {path.parent} is taken")
        return path.parent
    if found != path.parent / str(stated):
        notes.append(f"'path' {stated!r} is found at {found}")
    return found


def _images(stated: Sequence[Any], root: Path, path: Path, notes: list[str]) -> list[tuple[str, str]]:
    """Return the images of one split, each with the place where it is named."""
    images: list[tuple[str, str]] = []
    for item in map(str, stated):
        found = locate(item, root) or locate(item, path.parent)
        if found is None:
            raise BadInput(f"{path}: {item!r} was not found, neither in {root} nor above it.")
        if found != Path(os.path.normpath(root / item)):
            notes.append(f"{item!r} is found at {found}")
        images += _folder_images(found) if found.is_dir() else read_list(found, notes)
    if not images:
        raise BadInput(f"{path}: there are no images in {', '.join(map(str, stated))}.")
    return images


def _folder_images(folder: Path) -> list[tuple[str, str]]:
    images = []
    for parent, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        found = sorted(name for name in names if os.path.splitext(name)[1].lower() in SUFFIXES)
        images += [(os.path.join(parent, name), str(folder)) for name in found]
    return images


def _label_text(image: str) -> tuple[str, str | None]:
    """Return the label file of an image and its text; None where there is none."""
    for path in _label_paths(image):
        text = _text_if_present(path)
        if text is not None:
            return path, text
    return "", None


def _text_if_present(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read()
    except OSError as error:
        if os.path.exists(path):
            raise BadInput(f"{path}: cannot be read: {error.strerror}.") from None
        return None


def _label_paths(image: str) -> list[str]:
    """Return where the labels of an image may be: in `labels` for the last `images` of its path, or beside it."""
    beside = os.path.splitext(image)[0] + ".txt"
    for folder in (f"{os.sep}images{os.sep}", f"{os.sep}JPEGImages{os.sep}"):
        start, found, end = beside.rpartition(folder)
        if found:
            return [f"{start}{os.sep}labels{os.sep}{end}", beside]
    return [beside]


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
        kind, what = "unknown class", f"class {number}, expected 0 to {len(labels) - 1}"
    annotations.problems.boxes_total += 1
    annotations.problems.add(kind, where, what, "dropped", boxes=1)
    return False


def _parse(fields: list[str], keypoints: bool) -> tuple[int, tuple[float, float, float, float]]:
    """Return the class number and the box, in fractions, of one line."""
    try:
        number, *values = map(float, fields)
    except ValueError:
        raise ValueError(f"not numbers: {' '.join(fields)[:80]!r}") from None
    if not number.is_integer():
        raise ValueError(f"the class {fields[0]!r} is not a whole number")
    if len(values) == 4 or (keypoints and len(values) > 4):
        x, y, width, height = values[:4]
        return int(number), (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
    if len(values) >= 6 and len(values) % 2 == 0:
        columns, rows = values[0::2], values[1::2]
        return int(number), (min(columns), min(rows), max(columns), max(rows))
    raise ValueError(f"expected a class and 4 numbers, or a polygon of 3 points or more, found {len(fields)} fields")


def _no_labels(source: str, images: list[tuple[str, str]]) -> str:
    looked = " and ".join(_label_paths(images[0][0]))
    return f"{source}: none of {len(images)} images has a label file. For {images[0][0]}, looked for {looked}."


READER = Reader(
    files=(
        DatasetFile(
            "an Ultralytics data.yaml",
            (".yaml", ".yml"),
            "`names` (or `nc`) and `train`, `val` or `test`",
            is_yolo,
            read_yolo,
        ),
    )
)
