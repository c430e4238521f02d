"""Hugging Face's ImageFolder: `metadata.jsonl` beside the images, with a line per image.

    {"file_name": "a.jpg", "objects": {"bbox": [[10, 5, 20, 10]], "categories": [1]}}

Source: "Create an image dataset" of huggingface.co/docs/datasets, and "Object Detection" of AutoTrain's documentation.
A box is x, y, width and height in pixels. Categories are names or numbers; nothing in these files names the numbers, so
the classes are called by them.

A folder is the split that it is named after, `train/metadata.jsonl`; a file alone is "train".
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.files.json_lines import first_json_line, read_json_lines
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.kinds.line_contents import LineContent, SplitLines
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.readers.kinds.split_format import SplitFormat
from detect.errors import BadInput

_LABELS = ("categories", "category", "labels", "label")


def is_image_folder(path: Path) -> bool:
    """Return whether the first line is an image with the boxes of its objects; BadInput where it cannot be read."""
    line = first_json_line(path)
    objects = line.get("objects") if isinstance(line, dict) else None
    return isinstance(objects, dict) and "bbox" in objects and "file_name" in line


def load_image_folder(file: AnnotationFile, split: str) -> Mapping[str, NamedContent | BadInput]:
    """Read a file, as `SplitFormat.load` does."""
    contents = SplitLines(file, split, Form.SIZE)
    content = contents.of(split)
    for number, line in read_json_lines(file.path):
        members = line if isinstance(line, dict) else {}
        row = content.add_named(number, members.get("file_name"), line, stated_size(members))
        objects = members.get("objects")
        if row is not None and isinstance(objects, dict):
            _add_objects(content, row, objects)
    return contents.with_images()


def _add_objects(content: LineContent, row: int, objects: dict[str, Any]) -> None:
    """Add the objects of an image, whose boxes and classes are in lists of the same length, or report what is wrong."""
    boxes = objects.get("bbox")
    labels: Any = next((objects[name] for name in _LABELS if name in objects), None)
    for position, stated in enumerate(boxes if isinstance(boxes, list) else []):
        try:
            x, y, width, height = map(float, stated)
            name = class_name(labels[position])
        except MALFORMED:
            content.drop_box(row, position, f"expected four numbers and a category, found {stated!r:.120}")
            continue
        content.add_box(row, position, (x, y, x + width, y + height), name)


READER = SplitFormat(
    name="Hugging Face ImageFolder",
    file="a metadata.jsonl of Hugging Face",
    folder="Hugging Face's ImageFolder",
    suffixes=(".jsonl",),
    content="images with `file_name` and `objects` that have `bbox`",
    recognises=is_image_folder,
    load=load_image_folder,
).reader()
