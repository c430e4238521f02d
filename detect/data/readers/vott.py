"""VoTT JSON: what VoTT exports as such, all images in one file.

    {"name": "cars", "tags": [{"name": "bus", "color": "#5db300"}, {"name": "car", "color": "#e81123"}],
     "assets": {"0a1b": {
         "asset": {"name": "a.jpg", "path": "file:/photos/a.jpg", "size": {"width": 40, "height": 20}},
         "regions": [{"type": "RECTANGLE", "tags": ["car"],
                      "boundingBox": {"left": 10, "top": 5, "width": 20, "height": 10}}]}}}

Source: `IAssetMetadata` in the source of VoTT 2. Pixels are counted from the upper left corner. A region with several
tags is an object of each class, as in VoTT's other exports; polygons have their bounding boxes. The order of the
classes is that of the tags.

Images are looked for by their names. All images of a file are the split that its name speaks of, else "train".
"""

from pathlib import Path
from typing import Any

from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.files.json_stream import first_members, read_whole
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.named_images import can_name_file
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.readers.kinds.split_format import SplitFormat, one_split
from detect.errors import BadInput

_OF_OTHERS = ("images", "annotations", "items", "frames", "shapes")  # members of other formats, which may be long


def is_vott(path: Path) -> bool:
    """Return whether a JSON file has `assets` with regions; BadInput where it cannot be parsed."""
    for name, value in first_members(path):
        if name == "assets":
            first = next(iter(value.values()), None) if isinstance(value, dict) else None
            return isinstance(first, dict) and {"asset", "regions"} <= first.keys()
        if name is None or name in _OF_OTHERS:
            break
    return False


def load_vott(file: AnnotationFile) -> NamedContent:
    """Read a file; BadInput where it is not VoTT's, or none of its images is found."""
    content, members = NamedContent(file.path, Form.SIZE), read_whole(file.path)
    assets, tags = members.get("assets"), members.get("tags")
    if not isinstance(assets, dict):
        raise BadInput(f"{file.path}: expected 'assets', as VoTT exports them.")
    for number, stated in enumerate(assets.values()):
        _add_asset(content, number, stated)
    named = [tag.get("name") for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    content.order_classes(name for name in named if isinstance(name, str))
    content.find_images(file)
    return content


def _add_asset(content: NamedContent, number: int, stated: Any) -> None:
    """Add the image of an asset and its objects, or report why that is not possible."""
    members = stated if isinstance(stated, dict) else {}
    asset, regions = members.get("asset"), members.get("regions")
    name = asset.get("name") if isinstance(asset, dict) else None
    if not isinstance(asset, dict) or not can_name_file(name) or not isinstance(regions, list):
        content.drop_image(number, f"expected an 'asset' with a name, and 'regions', found {stated!r:.120}")
        return
    row = content.add_image(name, number, stated_size(asset.get("size")))
    for position, region in enumerate(regions):
        _add_region(content, row, position, region)


def _add_region(content: NamedContent, row: int, position: int, region: Any) -> None:
    try:
        left, top, width, height = (float(region["boundingBox"][side]) for side in ("left", "top", "width", "height"))
        names = [class_name(tag) for tag in region["tags"]]
        if not names:
            raise ValueError("expected a tag")
    except MALFORMED:
        content.drop_box(row, position, f"expected 'tags', and a 'boundingBox' of four numbers, found {region!r:.120}")
        return
    for name in names:
        content.add_box(row, position, (left, top, left + width, top + height), name)


READER = SplitFormat(
    name="VoTT JSON",
    file="a VoTT JSON",
    folder="VoTT files",
    suffixes=(".json",),
    content="`assets` that have `regions`",
    recognises=is_vott,
    load=one_split(load_vott),
).reader()
