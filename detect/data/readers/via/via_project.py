"""Projects of VGG Image Annotator 3, whose images, regions and attributes refer to each other by ids.

    {"project": {"vid_list": ["1"]}, "attribute": {"1": {"aname": "class", "type": 4, "options": {"0": "car"}}},
     "file": {"1": {"fname": "a.jpg", "type": 2}}, "view": {"1": {"fid_list": ["1"]}},
     "metadata": {"1_x": {"vid": "1", "z": [], "xy": [2, 10, 5, 20, 10], "av": {"1": "0"}}}}

Source: the code documentation of VIA 3, and its `_via_metadata.js`, `_via_attribute.js` and `_via_file.js`. `xy` has
the number of a shape and its coordinates, `av` the values of attributes: of those with options, the ids of these.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

_IMAGE_FILE = 2  # type of a file; others are videos and sounds
_IMAGE_ATTRIBUTES = ("image", 5)  # types of attributes whose options are pictures, in VIA 2 and 3
# Shapes by their numbers, with the names that VIA 2 has for their coordinates; those without names are lists of points.
_SHAPES: Mapping[Any, tuple[str, tuple[str, ...]]] = {
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
    5: ("polyline", ()),
    6: ("polyline", ()),
    7: ("polygon", ()),
    8: ("polygon", ()),  # a rectangle by the four points of an object that are farthest out
}

Options = Mapping[str, Mapping[str, Any]]  # by attribute, the texts of its options by their ids


class Entry(NamedTuple):
    """An image of a file of VIA, or a row of a table."""

    number: int  # among the images, or the line of the row
    name: Any  # of the image; what is stated in place of it where there is none
    regions: list[tuple[Any, Any]]  # the shape and the attributes of each, as VIA 2 has them


def is_via_3(name: str, value: Any) -> bool:
    """Return whether the first member of a JSON file is that of a project of VIA 3."""
    return name == "project" and isinstance(value, dict) and "vid_list" in value


def member(value: Any, name: str) -> Any:
    """Return a member of an object; None where it is not there, or what should be an object is something else."""
    return value.get(name) if isinstance(value, dict) else None


def options_of(attribute: Any) -> Mapping[str, Any]:
    """Return the texts of the options of an attribute by their ids; none where they are pictures."""
    options = member(attribute, "options")
    return options if isinstance(options, dict) and member(attribute, "type") not in _IMAGE_ATTRIBUTES else {}


def via_3_options(project: Mapping[str, Any]) -> Options:
    """Return the options of the attributes of a project of VIA 3."""
    return {_name(attribute): options_of(attribute) for attribute in _members(project, "attribute").values()}


def via_3_entries(project: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield the images of a project of VIA 3."""
    names = {number: _name(attribute) for number, attribute in _members(project, "attribute").items()}
    regions: dict[str, list[tuple[Any, Any]]] = {}
    for metadata in _members(project, "metadata").values():
        shape = member(metadata, "xy")
        if shape:  # others are about the whole image
            values = _members(metadata, "av")
            named = {names.get(number, number): value for number, value in values.items()}
            regions.setdefault(str(member(metadata, "vid")), []).append((_shape(shape), named))
    files = _members(project, "file")
    for number, (view, stated) in enumerate(_members(project, "view").items()):
        yield Entry(number, _image_name(stated, files), regions.get(view, []))


def _members(value: Any, name: str) -> dict[str, Any]:
    inside = member(value, name)
    return inside if isinstance(inside, dict) else {}


def _name(attribute: Any) -> str:
    return str(member(attribute, "aname"))


def _image_name(view: Any, files: Mapping[str, Any]) -> Any:
    """Return the name of the only image of a view; the view where it is not one image."""
    ids = member(view, "fid_list")
    file = files.get(str(ids[0])) if isinstance(ids, list) and len(ids) == 1 else None
    return member(file, "fname") or member(file, "src") if member(file, "type") == _IMAGE_FILE else view


def _shape(stated: Any) -> Any:
    """Return a shape as VIA 2 has it; what is stated where it is not one that has a box."""
    try:
        number, *numbers = stated
        name, coordinates = _SHAPES[number]
        if coordinates:
            return {"name": name, **dict(zip(coordinates, numbers, strict=True))}
    except (TypeError, ValueError, KeyError):
        return stated
    return {"name": name, "all_points_x": numbers[0::2], "all_points_y": numbers[1::2]}
