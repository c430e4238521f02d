"""darknet's `obj.data`: a file of names and values that names the file of the classes and the lists of images.

    classes = 2
    train = data/train.txt
    valid = data/test.txt
    names = data/obj.names

Paths in it, and in the lists, are relative to the folder in which darknet was started. The file does not say which one
that is, so the paths are looked for from its own folder upwards. Labels are text files as in YOLO.
"""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.readers.assembly.annotations import Annotations
from detect.data.readers.assembly.assembling import assemble, attempt
from detect.data.readers.files.text_files import read_lines, read_names
from detect.data.readers.images.locating import locate
from detect.data.readers.reader import DatasetFile, Reader
from detect.data.readers.yolo import map_names, read_sources
from detect.errors import BadInput

FORMAT = "darknet obj.data"
_SPLITS = {"train": "train", "valid": "val", "val": "val", "test": "test"}


def read_darknet(path: Path) -> Dataset:
    """Read the dataset of a darknet `.data` file."""
    values = _values(path)
    notes: list[str] = []
    classes = map_names(_names(values, path, notes), path)
    notes += classes.notes
    splits = {
        split: attempt(partial(_read_split, key, values, path, classes.labels[str(path)], notes))
        for key, split in _SPLITS.items()
        if key in values
    }
    return assemble(path, FORMAT, classes.classes, classes.category_ids, splits, list(dict.fromkeys(notes)))


def _read_split(
    key: str, values: dict[str, str], path: Path, labels: Mapping[int, int], notes: list[str]
) -> Annotations:
    images = _located(key, values, path, notes)
    return read_sources(str(images), [images], labels, notes)


def _values(path: Path) -> dict[str, str]:
    values = {}
    for number, line in enumerate(read_lines(path), 1):
        if not line or line.startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise BadInput(f"{path}:{number}: expected 'name = value', found {line!r}.")
        values[name.strip()] = value.strip()
    return values


def _names(values: dict[str, str], path: Path, notes: list[str]) -> list[str]:
    names_path = _located("names", values, path, notes)
    names = read_names(names_path)
    stated = values.get("classes", str(len(names)))
    if stated != str(len(names)) or not names:
        raise BadInput(f"{path}: 'classes' is {stated}, but {names_path} has {len(names)} names: correct one.")
    return names


def _located(key: str, values: dict[str, str], path: Path, notes: list[str]) -> Path:
    stated = values.get(key)
    if not stated:
        raise BadInput(f"{path}: expected a line '{key} = FILE'.")
    found = locate(stated, path.parent)
    if found is None or not found.is_file():
        raise BadInput(f"{path}: the file of '{key}', {stated!r}, was not found in {path.parent} or above it.")
    if found != path.parent / stated:
        notes.append(f"'{key}', stated as {stated!r}, is found at {found}")
    return found


READER = Reader(
    files=(DatasetFile("a darknet obj.data", (".data",), "`names` and `train`", lambda _: True, read_darknet),)
)
