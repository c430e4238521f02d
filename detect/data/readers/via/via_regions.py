"""The regions of VGG Image Annotator: their boxes, in pixels, and the attribute that is their class.

Source: `via_region_shape_to_coco_annotation` in the source of VIA 2. Angles are radians.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from detect.data.readers.assembly.hulls import Box, hull_of_ellipse, hull_of_points
from detect.data.readers.kinds.named_content import class_name

_CLASS_WORDS = ("class", "label", "category")  # of which the name of the attribute that is the class has one


def box_of(shape: Mapping[str, Any]) -> tuple[Box, bool]:
    """Return the box of the shape of a region, and whether it is a hull.

    Raises:
        TypeError, ValueError, KeyError, OverflowError: it has none.
    """
    kind = shape["name"]
    if kind == "rect":
        x, y, width, height = _numbers(shape, "x", "y", "width", "height")
        return (x, y, x + width, y + height), False
    if kind == "circle":
        x, y, radius = _numbers(shape, "cx", "cy", "r")
        return hull_of_ellipse(x, y, (radius, radius), 0.0), True
    if kind == "ellipse":
        x, y, *radii = _numbers(shape, "cx", "cy", "rx", "ry")
        return hull_of_ellipse(x, y, (radii[0], radii[1]), float(shape.get("theta") or 0)), True
    columns, rows = ([float(value) for value in shape[name]] for name in ("all_points_x", "all_points_y"))
    return hull_of_points(zip(columns, rows, strict=True)), True


def _numbers(shape: Mapping[str, Any], *names: str) -> list[float]:
    return [float(shape[name]) for name in names]


def stated_attributes(attributes: Any) -> Iterator[str]:
    """Yield the names of the attributes of a region that have a value."""
    if isinstance(attributes, dict):
        yield from (name for name, value in attributes.items() if name and value not in (None, "", {}, []))


def class_attribute(used: Counter[str]) -> str:
    """Return the name of the attribute that is the class; ValueError where that is not clear.

    Args:
        used: how many regions have a value, by the name of the attribute; not empty.
    """
    if len(used) == 1:
        return next(iter(used))
    meant = [name for name in used if any(word in name.lower() for word in _CLASS_WORDS)]
    if len(meant) != 1:
        raise ValueError(
            f"regions have the attributes {', '.join(map(repr, used))}, and nothing tells which of them is the class. "
            "Call it 'class' in the file, and no other so, or remove the others"
        )
    return meant[0]


def class_of(value: Any, options: Mapping[str, Any]) -> str:
    """Return the class that the value of an attribute states; ValueError where it does not state one.

    Args:
        value: a text, or of a checkbox the options, of which those that are true are chosen.
        options: the texts of the options by their ids, as far as they are known.
    """
    if isinstance(value, dict):
        chosen = [option for option, is_chosen in value.items() if is_chosen]
        if len(chosen) != 1:
            raise ValueError(f"expected one class, found {len(chosen)}")
        value = chosen[0]
    name = class_name(value)
    text = options.get(name)
    return text.strip() if isinstance(text, str) and text.strip() else name
