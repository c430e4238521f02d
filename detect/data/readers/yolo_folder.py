"""YOLO labels without a description: what labelImg and Label Studio export, and folders whose `data.yaml` is lost.

Images lie in `images` and labels in `labels`, or both in one folder; each of these may be divided into folders that
are named after splits. Without such folders, all images are the training split. `classes.txt` names the classes, one a
line; without it, the classes are the numbers in the label files.
"""

import os
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from pathlib import Path

from detect.data.dataset import Dataset
from detect.data.readers.assembly.assembling import assemble, attempt
from detect.data.readers.files.listing import Folder
from detect.data.readers.files.text_files import read_names
from detect.data.readers.images.image_folders import holds_images
from detect.data.readers.images.locating import split_named
from detect.data.readers.kinds.label_files import image_names, is_label_file, label_paths
from detect.data.readers.reader import DatasetFolder, Reader
from detect.data.readers.yolo import map_names, read_sources, stated_names
from detect.errors import BadInput

FORMAT = "YOLO labels"
_CLASS_FILES = ("classes.txt", "labels.txt", "_darknet.labels")
_NAMING = (*_CLASS_FILES, ".names", ".yaml", ".yml")  # how the names of files end that may name the classes
_MOST_CLASSES = 1000  # where no file names them
_LOOKED_AT = 100  # images of which one has to have labels


def is_yolo_folder(folder: Folder) -> bool:
    """Return whether there are images with label files in `folder`, or classes and labels whose images are missing."""
    parts = _image_folders(folder).values()
    # In folders inside the folder itself, there may be other datasets.
    labelled = any(_is_labelled(islice(part.walk(), 1) if part is folder else part.walk()) for part in parts)
    return labelled or ((folder.path / _CLASS_FILES[0]).is_file() and (folder.path / "labels").is_dir())


def read_yolo_folder(folder: Path) -> Dataset:
    """Read a folder of images and label files.

    Raises:
        BadInput: two lists of classes contradict each other, or no object is annotated.
    """
    parts = {split: part.path for split, part in _image_folders(Folder(folder)).items()}
    named, notes = _class_names(folder, list(parts.values()))
    numbers = map_names(named or list(map(str, range(_MOST_CLASSES))), folder)
    splits = {
        split: attempt(partial(read_sources, str(part), [part], numbers.labels[str(folder)], notes))
        for split, part in parts.items()
    }
    if not named:
        read = [annotations for annotations in splits.values() if not isinstance(annotations, BadInput)]
        largest = max((int(part.boxes.table["label"].max()) for part in read if len(part.boxes)), default=0)
        numbers = map_names(list(map(str, range(largest + 1))), folder)
        notes.append(f"no {_CLASS_FILES[0]} names the classes: they are called by their numbers, 0 to {largest}")
    return assemble(folder, FORMAT, numbers.classes, numbers.category_ids, splits, [*numbers.notes, *notes])


def _image_folders(folder: Folder) -> dict[str, Folder]:
    """Return the folders of the images by split."""
    images = _inside(folder, "images")
    splits = _split_folders(images or folder)
    if images:
        return splits or {"train": images}
    return {split: _inside(part, "images") or part for split, part in splits.items()} or {"train": folder}


def _split_folders(folder: Folder) -> dict[str, Folder]:
    """Return the folders in `folder` by split; none where there are others, or images beside them."""
    splits = {split_named(inside.path.name): inside for inside in folder.folders if inside.path.name != "labels"}
    if None in splits or holds_images(folder):
        return {}
    return {str(split): inside for split, inside in splits.items()}


def _inside(folder: Folder, name: str) -> Folder | None:
    return folder.inside(name) if (folder.path / name).is_dir() else None


def _is_labelled(folders: Iterable[tuple[str, list[str]]]) -> bool:
    """Return whether one of the first images in some folders has labels."""
    images = (os.path.join(parent, name) for parent, names in folders for name in image_names(names))
    return any(is_label_file(path) for image in islice(images, _LOOKED_AT) for path in label_paths(image))


def _class_names(folder: Path, parts: Sequence[Path]) -> tuple[list[str], list[str]]:
    """Return the names of the classes, and a note on where they are named; both are empty where no file does."""
    folders = dict.fromkeys([folder, folder / "labels", *parts, *(part.parent for part in parts)])
    paths = (path for inside in folders for path in Folder(inside).files_with(_NAMING))
    names = {path: found for path in paths if (found := _names_in(path))}
    if not names:
        return [], []
    first, *others = names
    for other in others:
        if names[other] != names[first]:
            raise BadInput(
                f"{first} and {other} name different classes, so the numbers in the label files mean different things. "
                "Number the classes alike in all folders, and remove one of the files."
            )
    return names[first], [f"the classes are named by {first}"]


def _names_in(path: Path) -> list[str]:
    """Return the names in a file that names classes: a list, or a data.yaml without splits."""
    if path.name.lower() in _CLASS_FILES or path.suffix.lower() == ".names":
        return read_names(path)
    return stated_names(path) if path.suffix.lower() in (".yaml", ".yml") else []


READER = Reader(
    folders=(
        DatasetFolder(
            "YOLO label files",
            "*.txt",
            is_yolo_folder,
            read_yolo_folder,
            described=False,
        ),
    )
)
