"""The content of BDD100K's label files: images with labels, of which those with a `box2d` are objects."""

from pathlib import Path
from typing import Any

from detect.data.readers.assembly.annotations import NO_SIZE, flag
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name

_LEVELS = 4  # from a label file up to the folder that has its images, too
_IMAGE_FOLDERS = ("images/100k", "images/track", "images/10k", "images")


def add_labels(
    content: NamedContent, name: str, entry: int, labels: list[Any], size: tuple[int, int] = NO_SIZE
) -> None:
    """Add the image of an entry and its boxes; labels that cannot be read are reported.

    Args:
        content: to which they are added.
        name: of the image.
        entry: its number in the file.
        labels: of the image.
        size: the stated width and height of the image.
    """
    row = content.add_image(name, entry, size)
    for position, label in enumerate(labels):
        if isinstance(label, dict) and label.get("box2d") is None:
            category = f"{label.get('category')!s:.40}"
            content.counts[f"labels {category!r} without a `box2d` are not objects and are left out"] += 1
        else:
            _add_label(content, row, position, label)


def _add_label(content: NamedContent, row: int, position: int, label: Any) -> None:
    try:
        x1, y1, x2, y2 = (float(label["box2d"][side]) for side in ("x1", "y1", "x2", "y2"))
        name, attributes = class_name(label["category"]), label.get("attributes")
    except MALFORMED:
        what = f"expected a 'category', and a 'box2d' with x1, y1, x2, y2, found {label!r:.120}"
        content.drop_box(row, position, what)
        return
    crowd = isinstance(attributes, dict) and flag(attributes.get("crowd"))
    content.add_box(row, position, (x1, y1, x2 + 1, y2 + 1), name, bool(crowd))


def image_folder(path: Path, split: str) -> Path | None:
    """Return the folder in which BDD100K has the images of a label file, None where there is none."""
    roots = list(path.parents)[:_LEVELS]
    folders = (root / inside / split for root in roots for inside in _IMAGE_FOLDERS)
    return next((folder for folder in folders if folder.is_dir()), None)
