"""Find the COCO files of a folder, and their splits."""

from collections.abc import Iterator
from pathlib import Path

from detect.data.readers.files.json_stream import first_members
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import (
    MOST_FILES,
    SPLIT_FOLDERS,
    AnnotationFile,
    by_split,
    files_in,
    split_folder_files,
)
from detect.errors import BadInput

ROBOFLOW_FILE = "_annotations.coco.json"
RESULTS = "a list of detections: it is a results file. `detect evaluate --predictions` scores it"
# Members of other formats, before or in place of their annotations.
_OF_OTHERS = ("frames", "shapes", "item", "items", "image", "label_classes")


def is_coco(path: Path) -> bool:
    """Return whether a JSON file begins as COCO truth does: it is read up to its images or its annotations.

    Raises:
        BadInput: the file cannot be parsed, or is a results file.
    """
    for name, value in first_members(path):
        if name is None and isinstance(value, Iterator) and is_detection(next(value, None)):
            raise BadInput(f"{path}: expected annotations, found {RESULTS}.")
        if name in ("images", "annotations"):
            return isinstance(value, Iterator)
        if name in _OF_OTHERS:
            break
    return False


def is_detection(entry: object) -> bool:
    """Return whether an element of a list is one of a results file."""
    return isinstance(entry, dict) and {"image_id", "score"} <= set(entry)


def layout_files(folder: Folder) -> list[Path]:
    """Return the box annotations in COCO's layout: `instances_*.json` where there are any, else every JSON."""
    files = list(folder.inside("annotations").files_with((".json",)))
    instances = [path for path in files if path.name.startswith("instances_")]
    return instances or (list(filter(_may_be_coco, files)) if len(files) <= MOST_FILES else [])


def loose_files(folder: Folder) -> list[Path]:
    """Return the COCO files in a folder; none where they are Roboflow's."""
    return files_in(folder, (".json",), _is_loose)


def split_files(folder: Folder) -> dict[str, AnnotationFile]:
    """Return the only COCO file of each folder inside `folder` that is named after a split."""
    return split_folder_files(folder, (".json",), _is_loose)


def roboflow_files(folder: Path) -> dict[str, AnnotationFile]:
    """Return the splits of a Roboflow export: `train`, `valid` and `test`, each with its JSON among its images."""
    paths = {name: folder / name / ROBOFLOW_FILE for name in SPLIT_FOLDERS}
    found = ((name, AnnotationFile(path, path.parent)) for name, path in paths.items() if path.is_file())
    return by_split(folder, found)


def _is_loose(path: Path) -> bool:
    return path.name != ROBOFLOW_FILE and is_coco(path)


def _may_be_coco(path: Path) -> bool:
    """Return whether a JSON in COCO's folder is COCO's, or cannot be parsed: reading it says why."""
    try:
        return is_coco(path)
    except BadInput:
        return True
