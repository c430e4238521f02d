"""Ultralytics NDJSON, which Ultralytics Platform exports: a line about the dataset, then a line per image.

    {"type": "dataset", "task": "detect", "class_names": {"0": "bus", "1": "car"}}
    {"type": "image", "file": "a.jpg", "width": 40, "height": 20, "split": "train",
     "annotations": {"boxes": [[1, 0.5, 0.5, 0.5, 0.5]]}}

Source: "Ultralytics NDJSON format" of docs.ultralytics.com. Each object is one line; a box is the number of its class,
and its centre, width and height as fractions of the image. `segments` are polygons, which are replaced by their upright
hulls. Annotations of other tasks are lost.

The images are not in the file: its `url`s end after some days. They are looked for by `file`. An image without `split`
is of the split that the name of the file speaks of, else "train".
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.assembly.hulls import Box, hull_of_points
from detect.data.readers.files.json_lines import first_json_line, read_json_lines
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.kinds.line_contents import LineContent, SplitLines
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.readers.kinds.split_format import SplitFormat
from detect.errors import BadInput


def is_ultralytics(path: Path) -> bool:
    """Return whether the first line is about a dataset of Ultralytics; BadInput where the file cannot be read."""
    line = first_json_line(path)
    return isinstance(line, dict) and line.get("type") == "dataset" and {"task", "class_names"} & line.keys() != set()


def load_ultralytics(file: AnnotationFile, split: str) -> Mapping[str, NamedContent | BadInput]:
    """Read a file, as `SplitFormat.load` does."""
    contents = SplitLines(file, split, Form.CENTRE, fractions=True)
    names: Mapping[str, Any] = {}
    for number, line in read_json_lines(file.path):
        members = line if isinstance(line, dict) else {}
        if members.get("type") == "dataset":
            stated = members.get("class_names")
            names = stated if isinstance(stated, dict) else {}
            continue
        content = contents.of(members.get("split"))
        row = content.add_named(number, members.get("file"), line, stated_size(members))
        if row is not None:
            _add_objects(content, row, members.get("annotations"), names)
    order = tuple(name for name in names.values() if isinstance(name, str) and name.strip())
    return contents.with_images(order)


def _add_objects(content: LineContent, row: int, annotations: Any, names: Mapping[str, Any]) -> None:
    """Add the objects of an image, or report why that is not possible.

    Args:
        content: of the split.
        row: of the image.
        annotations: lists of numbers, by the kind of object.
        names: of the classes, by their numbers as texts.
    """
    lists = annotations if isinstance(annotations, dict) else {}
    stated = [(kind, numbers) for kind, found in lists.items() if isinstance(found, list) for numbers in found]
    for position, (kind, numbers) in enumerate(stated):
        try:
            box, label = _box(kind, numbers[1:]), str(numbers[0])
            name = class_name(names.get(label, label))
        except MALFORMED:
            what = f"expected 'boxes' of five numbers or 'segments' of points, found {kind!r}: {numbers!r:.120}"
            content.drop_box(row, position, what)
            continue
        if kind == "segments":
            content.counts["polygons are replaced by their upright hulls"] += 1
        content.add_box(row, position, box, name)


def _box(kind: str, numbers: list[Any]) -> Box:
    if kind == "segments":
        return hull_of_points(zip(numbers[0::2], numbers[1::2], strict=True))
    if kind != "boxes":
        raise ValueError("expected boxes or segments")
    x, y, width, height = map(float, numbers)
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


READER = SplitFormat(
    name="Ultralytics NDJSON",
    file="an Ultralytics NDJSON",
    folder="Ultralytics NDJSON files",
    suffixes=(".ndjson",),
    content="a line about a dataset, with `class_names`",
    recognises=is_ultralytics,
    load=load_ultralytics,
).reader()
