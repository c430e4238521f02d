"""Google's Vertex AI and AutoML Vision: the CSV and the JSON lines from which they import images with boxes.

    TRAIN,gs://bucket/a.jpg,car,0.25,0.25,,,0.75,0.75,,
    {"imageGcsUri": "gs://bucket/a.jpg", "boundingBoxAnnotations": [
        {"displayName": "car", "xMin": 0.25, "yMin": 0.25, "xMax": 0.75, "yMax": 0.75}
    ], "dataItemResourceLabels": {"aiplatform.googleapis.com/ml_use": "training"}}

Source: "Prepare image training data for object detection" of cloud.google.com/vertex-ai, "Formatting a training data
CSV" of AutoML Vision, and the schema `image_bounding_box_io_format`. Each object of the second form is one line.
Coordinates are fractions of the image. A row has two opposite corners or all four; the box is their hull. A row without
a label and corners is an image without boxes.

The first field of a row, which may be missing, and `ml_use` are the split. Images of no split, and those that are
UNASSIGNED, are of the one that the name of the file speaks of, else "train". Images are looked for by the ends of their
addresses.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detect.data.readers.assembly.hulls import Box, hull_of_points
from detect.data.readers.files.json_lines import first_json_line, read_json_lines
from detect.data.readers.files.tables import Row, first_row, read_rows
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.kinds.line_contents import LineContent, SplitLines
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.readers.kinds.split_format import SplitFormat
from detect.errors import BadInput

_USES = ("train", "training", "validation", "val", "test", "unassigned", "unspecified", "unknown", "")
_CORNERS = 8  # numbers: x and y of four corners
_ADDRESS, _BOXES, _LABELS = "imageGcsUri", "boundingBoxAnnotations", "dataItemResourceLabels"
_USE = "aiplatform.googleapis.com/ml_use"


def is_vertex(path: Path) -> bool:
    """Return whether the first line is an image of Vertex AI; BadInput where the file cannot be read."""
    if _is_table(path):
        return _start(first_row(path)) is not None
    line = first_json_line(path)
    return isinstance(line, dict) and _ADDRESS in line


def load_vertex(file: AnnotationFile, split: str) -> Mapping[str, NamedContent | BadInput]:
    """Read a file, as `SplitFormat.load` does."""
    contents = SplitLines(file, split, fractions=True)
    if _is_table(file.path):
        _add_table(contents, file.path)
    else:
        for number, line in read_json_lines(file.path):
            _add_line(contents, number, line)
    return contents.with_images()


def _is_table(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _start(row: Row) -> int | None:
    """Return the position of the address in a row, None where it is not one of Vertex AI."""
    for position in (0, 1):
        if len(row) > position and row[position].strip().startswith("gs://"):
            use = row[0].strip().lower() if position else ""
            return position if use in _USES else None
    return None


def _add_line(contents: SplitLines, number: int, line: Any) -> None:
    """Add the image of a line of JSON and its boxes, or report why that is not possible."""
    members = line if isinstance(line, dict) else {}
    labels, boxes = members.get(_LABELS), members.get(_BOXES)
    content = contents.of(labels.get(_USE) if isinstance(labels, dict) else None)
    row = content.add_named(number, members.get(_ADDRESS), line)
    if row is not None:
        for position, box in enumerate(boxes if isinstance(boxes, list) else []):
            _add_box(content, row, position, box)


def _add_box(content: LineContent, row: int, position: int, box: Any) -> None:
    try:
        x1, y1, x2, y2 = (float(box[side]) for side in ("xMin", "yMin", "xMax", "yMax"))
        name = class_name(box["displayName"])
    except MALFORMED:
        content.drop_box(row, position, f"expected 'displayName', xMin, yMin, xMax and yMax, found {box!r:.120}")
        return
    content.add_box(row, position, (x1, y1, x2, y2), name)


def _add_table(contents: SplitLines, path: Path) -> None:
    start = _start(first_row(path))
    if start is None:
        raise BadInput(f"{path}: expected rows such as TRAIN,gs://bucket/a.jpg,car,0.1,0.1,,,0.3,0.3,,.")
    for lines, rows in read_rows(path):
        for line, row in zip(lines, rows, strict=True):
            _add_row(contents.of(row[0] if start else None), line, row, start)


def _add_row(content: LineContent, line: int, row: Row, start: int) -> None:
    """Add the image of a row and its box, or report why that is not possible; `start` is where its address is."""
    address, label, *corners = (field.strip() for field in (*row[start:], "", ""))
    image = content.add_named(line, address, ",".join(row))
    if image is None or not any((label, *corners)):
        return
    try:
        content.add_box(image, 0, _hull(corners[:_CORNERS]), class_name(label))
    except MALFORMED:
        what = f"expected a label and the x and y of two corners or of four, found {','.join(row)!r:.120}"
        content.drop_box(image, 0, what)


def _hull(numbers: list[str]) -> Box:
    """Return the hull of the corners whose x and y are stated; ValueError where these are fewer than two."""
    pairs = zip(numbers[0::2], numbers[1::2], strict=True)
    return hull_of_points((x, y) for x, y in pairs if x or y)


READER = SplitFormat(
    name="Vertex AI",
    file="a Vertex AI file",
    folder="Vertex AI files",
    suffixes=(".jsonl", ".csv"),
    content=f"images with `{_ADDRESS}`, or rows such as `TRAIN,gs://bucket/a.jpg,car,0.1,0.1,,,0.3,0.3,,`",
    recognises=is_vertex,
    load=load_vertex,
).reader()
