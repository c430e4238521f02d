"""Files that are not read: what they are, and the way on, for the message that a path is not a dataset."""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

from detect.data.readers.files.listing import Folder
from detect.data.readers.images.image_folders import holds_images
from detect.data.readers.kinds.folder_format import holds_some
from detect.data.readers.kinds.label_files import is_label_file

_LOOKED_AT = 20  # folders in a folder
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".rar", ".7z")
_ARRAY_RECORD = ".array_record"  # in names; the number of a shard may follow
_MASK_FOLDERS = ("masks", "mask", "segmentationclass", "segmentationobject", "gtfine", "labelids", "semantic")
_TABLE = "write the images as files, and a `metadata.jsonl` with their `objects`, as its ImageFolder has them."
_CONVERT = "Import them into an annotation tool such as CVAT, and export them as COCO."


class _Unread(NamedTuple):
    """A kind of data that is not read."""

    name: str  # in the plural
    is_there: Callable[[Folder], bool]
    way_on: str


def why_not_read(folder: Folder) -> str:
    """Return what the data in a folder is, if it is of a kind that is known and not read, and the way on."""
    found = (
        f"These look like {kind.name}, which are not read. {kind.way_on}" for kind in _KINDS if kind.is_there(folder)
    )
    return next(found, "")


def way_on_from_file(path: Path) -> str:
    """Return the way on where a file is of a kind that is known and not read; empty for others."""
    name = path.name.lower()
    if name.endswith(_ARCHIVES):
        return "It is an archive: unpack it, and give the folder."
    if _ARRAY_RECORD in name:
        return "It is an ArrayRecord: prepare the dataset again with file_format='tfrecord', and give its folder."
    if name.endswith((".parquet", ".arrow")):
        return f"It is a table of Hugging Face: with its library, {_TABLE}"
    return ""


def _folders(folder: Folder) -> Iterator[Folder]:
    """Yield a folder, those in it, and those in these."""
    inside = folder.folders[:_LOOKED_AT]
    return chain([folder], inside, *(islice(part.folders, _LOOKED_AT) for part in inside))


def _has_tracks(folder: Folder) -> bool:
    return any("gt.txt" in part.inside("gt").names for part in _folders(folder))


def _has_detections(folder: Folder) -> bool:
    return any("det.txt" in part.inside("det").names for part in _folders(folder))


def _has_words(folder: Folder) -> bool:
    names = (name.lower() for part in _folders(folder) for name in part.names[:_LOOKED_AT])
    return any(name.startswith("gt_") and name.endswith(".txt") for name in names)


def _has_labels(folder: Folder) -> bool:
    """Return whether labels of YOLO and images lie in two folders of one folder."""
    return any(_holds(part, _has_label_files) and _holds(part, holds_images) for part in _folders(folder))


def _holds(folder: Folder, what: Callable[[Folder], bool]) -> bool:
    return any(what(inside) for inside in folder.folders[:_LOOKED_AT])


def _has_label_files(folder: Folder) -> bool:
    return holds_some(folder, ".txt", is_label_file)


def _has_masks(folder: Folder) -> bool:
    named = (part for part in _folders(folder) if part.path.name.lower() in _MASK_FOLDERS)
    return any(name.lower().endswith(".png") for part in named for name in part.names[:_LOOKED_AT])


def _has_tables(folder: Folder) -> bool:
    return any(name.lower().endswith((".parquet", ".arrow")) for part in _folders(folder) for name in part.names)


def _has_archives(folder: Folder) -> bool:
    return any(name.lower().endswith(_ARCHIVES) for name in folder.names)


_KINDS = (
    _Unread(
        "sequences for tracking (MOT Challenge) without frames",
        _has_tracks,
        "Put the frames of each video into the folder `img1` beside `gt`.",
    ),
    _Unread(
        "sequences for tracking (MOT Challenge) without annotations",
        _has_detections,
        "Files `det.txt` are the output of a detector; the annotations are in `gt/gt.txt`.",
    ),
    _Unread("texts in images (ICDAR)", _has_words, _CONVERT),
    _Unread(
        "YOLO labels in folders with other names",
        _has_labels,
        "Name the folder of the images `images` and the one of the labels `labels`.",
    ),
    _Unread(
        "segmentation masks without boxes",
        _has_masks,
        "A mask of classes does not tell objects apart; export objects from the tool that made it, as COCO.",
    ),
    _Unread("tables of Hugging Face", _has_tables, f"With its library, {_TABLE}"),
    _Unread("archives", _has_archives, "Unpack them, and give the folder."),
)
