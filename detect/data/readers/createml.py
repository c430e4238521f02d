"""CreateML JSON: a list of images, each with its boxes as centre, width and height in pixels; also Turi Create's.

    [{"image": "a.jpg", "annotations": [
        {"label": "car", "coordinates": {"x": 20, "y": 15, "width": 20, "height": 10}}
    ]}]

Source: Apple's documentation, "Building an object detector data source": pixels are counted from the upper left
corner, and `x`, `y` is the centre of a box. Other tools write `imagefilename` or `filename` in place of `image`, and
`annotation` in place of `annotations`. A file is the split that its name speaks of, for Roboflow's
`_annotations.createml.json` that of its folder, else "train".
"""

from pathlib import Path
from typing import Any

from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.files.json_stream import first_element, read_elements
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.readers.kinds.split_format import SplitFormat, one_split

_NAMES = ("image", "imagefilename", "filename")
_BOXES = ("annotations", "annotation")
_EXPECTED = "a list of images with 'annotations', as CreateML has it"


def is_createml(path: Path) -> bool:
    """Return whether the first element of a JSON file is an image of CreateML."""
    entry = first_element(path)
    boxes = _member(entry, _BOXES)
    if not isinstance(boxes, list) or not isinstance(_member(entry, _NAMES), str):
        return False
    return all(isinstance(box, dict) and "coordinates" in box for box in boxes[:1])


def load_createml(file: AnnotationFile) -> NamedContent:
    """Read a file; BadInput where it is not CreateML's, or none of its images is found."""
    content = NamedContent(file.path, Form.CENTRE)
    for position, entry in enumerate(read_elements(file.path, _EXPECTED)):
        name, boxes = _member(entry, _NAMES), _member(entry, _BOXES)
        if can_name_file(name) and isinstance(boxes, list | None):
            _add_entry(content, position, name, boxes or [])
        else:
            content.drop_image(position, f"expected the name of an 'image' and 'annotations', found {entry!r:.120}")
    content.find_images(file)
    return content


def _member(entry: Any, names: tuple[str, ...]) -> Any:
    """Return the value of the first of some members that an entry has, None where it has none."""
    return next((entry[name] for name in names if name in entry), None) if isinstance(entry, dict) else None


def _add_entry(content: NamedContent, position: int, name: str, boxes: list[Any]) -> None:
    row = content.add_image(name, position)
    for number, box in enumerate(boxes):
        try:
            x, y, width, height = (float(box["coordinates"][key]) for key in ("x", "y", "width", "height"))
            label = class_name(box["label"])
        except MALFORMED:
            content.drop_box(row, number, f"expected 'label', and 'coordinates' of four numbers, found {box!r:.120}")
            continue
        content.add_box(row, number, (x - width / 2, y - height / 2, x + width / 2, y + height / 2), label)


READER = SplitFormat(
    name="CreateML JSON",
    file="a CreateML JSON",
    folder="CreateML files",
    suffixes=(".json",),
    content="a list of images with `annotations` that have `coordinates`",
    recognises=is_createml,
    load=one_split(load_createml),
).reader()
