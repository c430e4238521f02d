"""What `--data` may be. `open_dataset` looks at what is on disk and calls the reader of that format.

| given | read as |
| --- | --- |
| a YAML file with `format` and `splits` | our own description (`native`) |
| a YAML file with `names` | Ultralytics data.yaml (`yolo`) |
| a JSON file | COCO, its images found beside it (`coco`) |
| a `.data` file | darknet (`darknet`) |
| a folder | whichever of these it holds, a Roboflow export, COCO's own layout, or Pascal VOC (`voc`) |

A folder that holds several is refused with their names: nothing is guessed.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from detect.data.dataset import Dataset, check_losses, split, with_validation
from detect.data.readers.coco import (
    ROBOFLOW_FILE,
    coco_files,
    read_coco_file,
    read_coco_folder,
    read_roboflow,
    roboflow_files,
)
from detect.data.readers.darknet import read_darknet
from detect.data.readers.native import is_native, load_yaml, read_native
from detect.data.readers.voc import is_voc_folder, read_voc
from detect.data.readers.yolo import is_yolo, read_yolo
from detect.errors import BadInput

__all__ = ["Dataset", "check_losses", "open_dataset", "split", "with_validation"]

_LEVELS_SEARCHED = 3  # folders inside folders
_ACCEPTED = (
    "a YAML description, an Ultralytics data.yaml, a COCO JSON, a darknet obj.data, or a folder: "
    "a Roboflow COCO export, COCO's own layout, or Pascal VOC"
)


def open_dataset(source: str | Path) -> Dataset:
    """The data set in `source`, a file or a folder as people have it.

    Raises:
        BadInput: nothing is there, it is no data set or more than one, or nothing in it can be used.
    """
    path = Path(source).expanduser()
    if path.is_file():
        return _read_file(path)
    if not path.is_dir():
        raise BadInput(f"{path} does not exist. Expected {_ACCEPTED}.")
    found = _found_in(path) or _found_below(path)
    if len(found) == 1:
        ((name, read),) = found.items()
        dataset = read()
        return replace(dataset, notes=(f"read as {dataset.format}: {path / name}", *dataset.notes))
    if found:
        raise BadInput(f"{path} holds several data sets: {', '.join(found)}. Give the file or folder that is meant.")
    inside = ", ".join(sorted(entry.name for entry in path.iterdir())[:10]) or "nothing"
    raise BadInput(f"{path} holds no data set that is known. Expected {_ACCEPTED}. Found in it: {inside}.")


def _read_file(path: Path) -> Dataset:
    suffix = path.suffix.lower()
    if suffix in (".yaml", ".yml"):
        return _read_yaml(path)
    if suffix == ".json":
        return read_coco_file(path)
    if suffix == ".data":
        return read_darknet(path)
    raise BadInput(f"{path}: not a description of a data set. Expected {_ACCEPTED}.")


def _read_yaml(path: Path) -> Dataset:
    content = load_yaml(path)
    if is_native(content):
        return read_native(path)
    if is_yolo(content):
        return read_yolo(path)
    found = ", ".join(map(str, content))
    raise BadInput(f"{path}: expected 'format' and 'splits' (ours), or 'names' and 'train' (YOLO), found: {found}.")


def _found_in(folder: Path) -> dict[str, Callable[[], Dataset]]:
    """A reader for each data set in `folder`, by a name to print."""
    found: dict[str, Callable[[], Dataset]] = {}
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        if _describes(path):
            found[path.name] = partial(_read_yaml, path)
    for path in sorted(folder.glob("*.data")):
        found[path.name] = partial(read_darknet, path)
    if (folder / ROBOFLOW_FILE).is_file():
        found[ROBOFLOW_FILE] = partial(read_coco_file, folder / ROBOFLOW_FILE)
    if roboflow_files(folder):
        found[f"train|valid|test/{ROBOFLOW_FILE}"] = partial(read_roboflow, folder)
    if coco_files(folder):
        found["annotations/*.json"] = partial(read_coco_folder, folder)
    if is_voc_folder(folder):
        found["Annotations/*.xml"] = partial(read_voc, folder)
    return found


def _describes(path: Path) -> bool:
    """Whether a YAML file in a folder is a description of data; other YAML files lie about too."""
    try:
        content = load_yaml(path)
    except BadInput:
        return False
    return is_native(content) or is_yolo(content)


def _found_below(folder: Path) -> dict[str, Callable[[], Dataset]]:
    """The same in the folders inside `folder`, as archives wrap them: level by level, until one holds something."""
    level = [folder]
    for _ in range(_LEVELS_SEARCHED):
        level = [Path(entry) for parent in level for entry in sorted(os.scandir(parent), key=_name) if entry.is_dir()]
        found = {
            f"{inner.relative_to(folder) / name}": read for inner in level for name, read in _found_in(inner).items()
        }
        if found:
            return found
    return {}


def _name(entry: os.DirEntry) -> str:
    return entry.name
