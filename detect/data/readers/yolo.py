"""YOLO labels: one text file per image, one line per object, in fractions of the image; described by a `data.yaml`.

A line is `class cx cy width height`, or `class x1 y1 x2 y2 x3 y3 ...`: a polygon or a rotated box, whose upright hull
is taken. The label file of `images/train/a.jpg` is `labels/train/a.txt`, or lies beside the image; an image without
one is background. Names of classes are text as written: `no` and `007` are names, too.
"""

import os
import re
import reprlib
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from detect.data.dataset import Dataset
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble, attempt
from detect.data.readers.assembly.categories import Category, CategoryMap, map_categories
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_lines, read_yaml, unquoted
from detect.data.readers.images.locating import locate, locate_all
from detect.data.readers.kinds.label_files import ListedImages, image_names, read_labels, report_labels_without_image
from detect.data.readers.reader import DatasetFile, Reader
from detect.data.regular_files import ABSENT, why_not_found
from detect.errors import BadInput

FORMAT = "YOLO data.yaml"
_SPLITS = {"train": "train", "val": "val", "valid": "val", "test": "test"}
_MOST_CLASSES = 100_000  # where only their number is stated
_NOTHING = ("", "~", "null", "Null", "NULL")  # what YAML writes in place of a value


def is_yolo(path: Path) -> bool:
    """Return whether a YAML file has what Ultralytics' description has: class names, and a split."""
    content = read_yaml(path)
    return ("names" in content or "nc" in content) and bool(set(_SPLITS) & set(content))


def read_yolo(path: Path) -> Dataset:
    """Read the dataset of an Ultralytics `data.yaml`: splits are folders of images, lists of these, or `.txt` lists."""
    content = _content(path)
    classes = map_names(_names(content, path), path)
    notes = [*classes.notes]
    root = _root(content, path, notes)

    def read_split(name: str) -> Annotations:
        sources = _sources(content[name], root, path, notes)
        where = f"{path}: {name}"
        return read_sources(where, sources, classes.labels[str(path)], notes, "kpt_shape" in content)

    splits = {split: attempt(partial(read_split, name)) for name, split in _SPLITS.items() if name in content}
    return assemble(path, FORMAT, classes.classes, classes.category_ids, splits, notes)


def map_names(names: Sequence[str], path: Path) -> CategoryMap:
    """Give labels to the class numbers 0, 1, ...: the same ones, except that two numbers of one name are one class."""
    return map_categories({str(path): [Category(number, name, "", True) for number, name in enumerate(names)]})


def read_sources(
    source: str, paths: Sequence[Path], labels: Mapping[int, int], notes: list[str], keypoints: bool = False
) -> Annotations:
    """Read one split of images from folders and lists.

    Args:
        source: what names the folders and lists, for messages.
        paths: the folders, which are searched with those inside them, and the text files that list images.
        labels: class number in the label files -> label.
        notes: decisions are added to it.
        keypoints: whether the numbers behind a box on its line are key points.

    Raises:
        BadInput: a list cannot be read, there are no images, or none of them has a label file.
    """
    folders = [path for path in paths if path.is_dir()]
    images = ListedImages()
    for path in paths:
        if path in folders:
            _add_folder(path, images)
        else:
            _add_list(path, images, notes)
    if not len(images.paths):
        raise BadInput(f"{source}: there are no images in {', '.join(map(str, paths)) or 'it'}.")
    annotations = read_labels(source, images, labels, notes, keypoints)
    for folder in folders:
        report_labels_without_image(folder, annotations.problems)
    return annotations


def _add_list(path: Path, images: ListedImages, notes: list[str]) -> None:
    """Add the images that a text file lists."""
    lines = [(number, unquoted(line)) for number, line in enumerate(read_lines(path), 1) if line]
    paths, ways = locate_all([line for _, line in lines], path.parent)
    notes.extend(f"{path}: {way}" for way in ways)
    for image, (number, _) in zip(paths, lines, strict=True):
        images.add(image, str(path), number)


def _add_folder(folder: Path, images: ListedImages) -> None:
    """Add the images in a folder and below it."""
    for parent, names in Folder(folder).walk():
        for name in image_names(names):
            images.add(os.path.join(parent, name), str(folder))


def stated_names(path: Path) -> list[str]:
    """Return the class names that a YAML file states; none where it does not."""
    content = _content(path)
    return _names(content, path) if "names" in content else []


def _content(path: Path) -> dict[str, Any]:
    return {name: value for name, value in read_yaml(path).items() if value not in _NOTHING}


def _names(content: dict[str, Any], path: Path) -> list[str]:
    """Return the class names; the numbers themselves where only the number of classes is stated."""
    names, count = content.get("names"), _stated_count(content, path)
    if not names and count:
        names = list(map(str, range(count)))
    if isinstance(names, dict):
        names = [names.get(str(number)) for number in range(len(names))]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        found = reprlib.repr(content.get("names"))
        raise BadInput(f"{path}: expected 'names' as a list, or as numbers from 0 with names, found {found}.")
    if count and count != len(names):
        raise BadInput(
            f"{path}: 'nc' states {count} classes, and 'names' has {len(names)} names. Correct the one that is wrong."
        )
    return names


def _stated_count(content: dict[str, Any], path: Path) -> int:
    """Return `nc`, 0 where it is not stated."""
    stated = content.get("nc") or "0"
    if isinstance(stated, str) and re.fullmatch("[0-9]{1,6}", stated) and int(stated) <= _MOST_CLASSES:
        return int(stated)
    found = reprlib.repr(stated)
    raise BadInput(f"{path}: expected 'nc', the number of classes, up to {_MOST_CLASSES}, found {found}.")


def _root(content: dict[str, Any], path: Path, notes: list[str]) -> Path:
    """Return the folder that `path` in the YAML names, or the YAML's own where that does not exist here."""
    stated = content.get("path")
    if not stated:
        return path.parent
    found = _located(os.path.expanduser(str(stated)), path.parent)
    if found is None:
        notes.append(f"'path' {stated!r} does not exist here: {path.parent} is taken")
        return path.parent
    if not _is_stated(found, str(stated), path.parent):
        notes.append(f"'path' {stated!r} is found at {found}")
    return found


def _located(stated: str, folder: Path) -> Path | None:
    direct = folder / stated
    return Path(os.path.normpath(direct)) if os.path.exists(direct) else locate(stated, folder)


def _is_stated(found: Path, stated: str, folder: Path) -> bool:
    return found == Path(os.path.normpath(folder / stated))


def _sources(stated: Any, root: Path, path: Path, notes: list[str]) -> list[Path]:
    """Return the folders and lists of one split."""
    sources = []
    for item in stated if isinstance(stated, list) else [stated]:
        found = isinstance(item, str) and (_located(item, root) or _located(item, path.parent))
        if not found:
            raise BadInput(f"{path}: {reprlib.repr(item)} {_why_missing(item, root)}")
        if not _is_stated(found, item, root):
            notes.append(f"{item!r} is found at {found}")
        sources.append(found)
    return sources


def _why_missing(stated: Any, root: Path) -> str:
    """Return the rest of a sentence on a source that is not found; one in a folder that may not be entered is there."""
    why = why_not_found(root / stated) if isinstance(stated, str) else ABSENT
    return f"was not found, neither in {root} nor above it." if why == ABSENT else f"in {root} {why}."


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
