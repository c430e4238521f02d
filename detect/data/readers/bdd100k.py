"""BDD100K JSON: a list of images with `labels`, whose `box2d` states corners in pixels; also Scalabel's, with `frames`.

    [{"name": "a.jpg", "labels": [{"category": "car", "box2d": {"x1": 10, "y1": 5, "x2": 29, "y2": 14}}]}]

Source: the label format of docs.scalabel.ai, and Scalabel's own conversion to COCO, by which `x2` and `y2` are the last
pixels of a box: 1 is added to them. Boxes whose `attributes` state `crowd` become ignore regions. Labels without a
`box2d`, such as lanes and drivable areas, are not objects and are counted in a note. Frames of videos may lie in a
folder named after their `videoName`. In the folders of BDD100K, images are in `images/100k` and `images/track`.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from detect.data.readers.annotation_files import AnnotationFile, named_split
from detect.data.readers.annotations import flag, stated_size
from detect.data.readers.json_stream import read_members
from detect.data.readers.named_content import NamedContent, class_name
from detect.data.readers.named_images import can_name_file
from detect.data.readers.split_format import SplitFormat
from detect.errors import BadInput

_LEVELS = 3  # from a label file up to the folder that has its images, too
_IMAGE_FOLDERS = ("images/100k", "images/track", "images/10k")


def is_bdd100k(path: Path) -> bool:
    """Return whether a JSON file begins with an image and its labels, in a list or in `frames`."""
    for name, value in read_members(path):
        if name in (None, "frames"):
            return isinstance(value, Iterator) and _is_frame(next(value, None))
        if isinstance(value, Iterator) and name != "groups":
            break
    return False


def load_bdd100k(file: AnnotationFile) -> NamedContent:
    """Read a file; BadInput where it is not BDD100K's, or none of its images is found."""
    content, found, stated = NamedContent(file.path), False, []
    left_out: Counter[str] = Counter()
    for name, value in read_members(file.path):
        if name in (None, "frames") and isinstance(value, Iterator):
            found = True
            for position, frame in enumerate(value):
                _add_frame(content, position, frame, left_out)
        elif name == "config":
            stated = [*_leaves(value.get("categories"))] if isinstance(value, dict) else []
    if not found:
        raise BadInput(f"{file.path}: expected a list of images with 'labels', as BDD100K has it.")
    if stated:  # classes that it does not name come last
        content.order = (*stated, *sorted(set(content.classes) - set(stated)))
    if left_out:
        kinds = ", ".join(f"{count} {kind!r}" for kind, count in left_out.most_common())
        content.notes.append(f"{file.path.name}: labels without `box2d` are not objects and are left out: {kinds}")
    content.find_images(AnnotationFile(file.path, file.images or _image_folder(file.path)))
    return content


def _is_frame(entry: Any) -> bool:
    named = isinstance(entry, dict) and isinstance(entry.get("name"), str)
    return named and not {"labels", "videoName", "timestamp"}.isdisjoint(entry)


def _add_frame(content: NamedContent, position: int, frame: Any, left_out: Counter[str]) -> None:
    """Add an image and its boxes; `left_out` counts the categories of labels without one."""
    labels = frame.get("labels") if isinstance(frame, dict) else None
    if not _is_frame(frame) or not can_name_file(frame["name"]) or not isinstance(labels, list | None):
        content.drop_image(position, f"expected the 'name' of an image and 'labels', found {frame!r:.120}")
        return
    row = content.add_image(_path(frame), position, stated_size(frame.get("size")))
    for number, label in enumerate(labels or []):
        if isinstance(label, dict) and label.get("box2d") is None:
            left_out[f"{label.get('category')!s:.40}"] += 1
        else:
            _add_label(content, row, number, label)


def _path(frame: dict) -> str:
    """Return the path of an image: a frame of a video lies in the folder of the video."""
    video = frame.get("videoName")
    return f"{video}/{frame['name']}" if can_name_file(video) else frame["name"]


def _add_label(content: NamedContent, row: int, number: int, label: Any) -> None:
    try:
        x1, y1, x2, y2 = (float(label["box2d"][side]) for side in ("x1", "y1", "x2", "y2"))
        name, attributes = class_name(label["category"]), label.get("attributes")
    except (TypeError, ValueError, KeyError, OverflowError):
        what = f"expected a 'category', and a 'box2d' with x1, y1, x2, y2, found {label!r:.120}"
        content.drop_box(row, number, what)
        return
    crowd = isinstance(attributes, dict) and flag(attributes.get("crowd"))
    content.add_box(row, number, (x1, y1, x2 + 1, y2 + 1), name, bool(crowd))


def _leaves(categories: Any) -> Iterator[str]:
    """Yield the names of the categories that have no others inside."""
    for category in categories if isinstance(categories, list) else []:
        inside = category.get("subcategories") if isinstance(category, dict) else None
        if inside:
            yield from _leaves(inside)
        elif isinstance(category, dict) and isinstance(category.get("name"), str):
            yield category["name"]


def _image_folder(path: Path) -> Path | None:
    """Return the folder in which BDD100K has the images of a label file, None where there is none."""
    split = named_split(path) or "train"
    roots = list(path.parents)[:_LEVELS]
    folders = (root / inside / split for root in roots for inside in _IMAGE_FOLDERS)
    return next((folder for folder in folders if folder.is_dir()), None)


READER = SplitFormat(
    name="BDD100K JSON",
    file="a BDD100K JSON",
    folder="BDD100K files",
    suffixes=(".json",),
    content="a list of images with `name` and `labels`, or one in `frames`",
    recognises=is_bdd100k,
    load=load_bdd100k,
).reader()
