"""BDD100K JSON: a list of images with `labels`, whose `box2d` states corners in pixels; also Scalabel's, with `frames`.

    [{"name": "a.jpg", "labels": [{"category": "car", "box2d": {"x1": 10, "y1": 5, "x2": 29, "y2": 14}}]}]

Source: the label format of docs.scalabel.ai, and Scalabel's own conversion to COCO, by which `x2` and `y2` are the last
pixels of a box: 1 is added to them. Boxes whose `attributes` state `crowd` become ignore regions. Labels without a
`box2d`, such as lanes and drivable areas, are not objects and are counted in a note. Frames of videos may lie in a
folder named after their `videoName`. In the folders of BDD100K, images are in `images/100k` and `images/track`.

Earlier labels are a file per image, with `objects` in the only one of its `frames`, in a folder for each split.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.bdd100k.bdd100k_content import add_labels, image_folder
from detect.data.readers.files.json_stream import first_members, read_members, read_whole
from detect.data.readers.images.annotation_files import AnnotationFile, named_split
from detect.data.readers.images.locating import split_named
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.folder_format import FolderContent, FolderFormat, holds_some
from detect.data.readers.kinds.named_content import NamedContent
from detect.data.readers.kinds.split_format import SplitFormat, one_split
from detect.errors import BadInput

_NAME = "BDD100K JSON"


def is_bdd100k(path: Path) -> bool:
    """Return whether a JSON file begins with an image and its labels, in a list or in `frames`."""
    for name, value in first_members(path):
        if name in (None, "frames"):
            return isinstance(value, Iterator) and _is_frame(next(value, None))
        if isinstance(value, Iterator) and name != "groups":
            break
    return False


def load_bdd100k(file: AnnotationFile) -> NamedContent:
    """Read a file; BadInput where it is not BDD100K's, or none of its images is found."""
    content, found, stated = NamedContent(file.path), False, []
    for name, value in read_members(file.path):
        if name in (None, "frames") and isinstance(value, Iterator):
            found = True
            for position, frame in enumerate(value):
                _add_frame(content, position, frame)
        elif name == "config":
            stated = [*_leaves(value.get("categories"))] if isinstance(value, dict) else []
    if not found:
        raise BadInput(f"{file.path}: expected a list of images with 'labels', as BDD100K has it.")
    content.order_classes(stated)
    images = file.images or image_folder(file.path, named_split(file.path) or "train")
    content.find_images(AnnotationFile(file.path, images))
    return content


class _Files(FolderContent):
    """The content of files of single images in a folder."""

    def add_file(self, entry: int, path: Path) -> None:
        content = read_whole(path)
        try:
            (frame,) = content["frames"]
            name, labels = content["name"], frame.get("objects") or []
        except (AttributeError, KeyError, TypeError, ValueError):
            name, labels = None, []
        if can_name_file(name) and isinstance(labels, list):
            add_labels(self, name, entry, labels)
        else:
            self.drop_image(entry, "expected the 'name' of an image, and one of 'frames' with 'objects'")


def _load_images(folder: Path) -> NamedContent:
    """Read the files in a folder; BadInput where none of their images is found."""
    content = _Files(folder, ".json")
    content.add_files()
    first = folder / content.files[0]
    content.find_images_by_stem(AnnotationFile(first, image_folder(first, split_named(folder.name) or "train")))
    return content


def _is_image_file(path: Path) -> bool:
    """Return whether a JSON file begins with a frame that has `objects`, in `frames`; BadInput where it is not JSON."""
    for name, value in first_members(path):
        if name is None or isinstance(value, Iterator):
            first = next(value, None) if name == "frames" and isinstance(value, Iterator) else None
            return isinstance(first, dict) and "objects" in first
    return False


def _is_frame(entry: Any) -> bool:
    named = isinstance(entry, dict) and isinstance(entry.get("name"), str)
    return named and not {"labels", "videoName", "timestamp"}.isdisjoint(entry)


def _add_frame(content: NamedContent, position: int, frame: Any) -> None:
    labels = frame.get("labels") if isinstance(frame, dict) else None
    if not _is_frame(frame) or not can_name_file(frame["name"]) or not isinstance(labels, list | None):
        content.drop_image(position, f"expected the 'name' of an image and 'labels', found {frame!r:.120}")
        return
    add_labels(content, _path(frame), position, labels or [], stated_size(frame.get("size")))


def _path(frame: dict) -> str:
    """Return the path of an image: a frame of a video lies in the folder of the video."""
    video = frame.get("videoName")
    return f"{video}/{frame['name']}" if can_name_file(video) else frame["name"]


def _leaves(categories: Any) -> Iterator[str]:
    """Yield the names of the categories that have no others inside."""
    for category in categories if isinstance(categories, list) else []:
        inside = category.get("subcategories") if isinstance(category, dict) else None
        if inside:
            yield from _leaves(inside)
        elif isinstance(category, dict) and isinstance(category.get("name"), str):
            yield category["name"]


_SPLITS = SplitFormat(
    name=_NAME,
    file="a BDD100K JSON",
    folder="BDD100K files",
    suffixes=(".json",),
    content="a list of images with `name` and `labels`, or one in `frames`",
    recognises=is_bdd100k,
    load=one_split(load_bdd100k),
).reader()
_IMAGES = FolderFormat(
    name=_NAME,
    folder="BDD100K files of single images",
    files="*.json, or train|val|test/*.json",
    holds_files=lambda folder: holds_some(folder, ".json", _is_image_file),
    load=_load_images,
    suffix=".json",
)
READER = replace(_SPLITS, folders=(*_SPLITS.folders, _IMAGES.dataset_folder()))
