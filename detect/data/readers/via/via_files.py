"""The entries of the files of VGG Image Annotator: projects of VIA 2, and what VIA 1 and 2 export.

A project is one JSON object, which a browser has to hold as well: it is read whole. Exports are read piece by piece.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from detect.data.readers.files.json_stream import read_members, read_whole
from detect.data.readers.files.tables import Row, first_row, read_rows
from detect.data.readers.via.via_project import (
    Entry,
    Options,
    is_via_3,
    member,
    options_of,
    via_3_entries,
    via_3_options,
)
from detect.errors import BadInput

_COLUMNS = (
    *("filename", "file_size", "file_attributes", "region_count", "region_id"),
    *("region_shape_attributes", "region_attributes"),
)
_NAME, _SHAPE, _ATTRIBUTES = 0, 5, 6  # of these columns
_PROJECT = "_via_"  # how the names of all members of a project begin


def is_table(path: Path) -> bool:
    """Return whether a file is a table, by its name."""
    return not path.name.lower().endswith(".json")


def is_via(path: Path) -> bool:
    """Return whether a JSON file begins as VIA's do, or a table has its columns; BadInput where it cannot be parsed."""
    if is_table(path):
        row = first_row(path)
        return _is_header(row) or _is_via_3_table(row)
    name, value = _first_member(path)
    if name.startswith(_PROJECT) or is_via_3(name, value):
        return True
    return isinstance(value, dict) and {"filename", "regions"} <= value.keys()


def open_via(path: Path) -> tuple[Callable[[], Iterator[Entry]], Options]:
    """Return a function that yields the entries of a file, each time anew, and the options of its attributes.

    Raises:
        BadInput: the file cannot be read, or is of a kind that cannot be used; of exports, when reading gets there.
    """
    if is_table(path):
        return partial(_rows, path), {}
    name, value = _first_member(path)
    if is_via_3(name, value):
        project = read_whole(path)
        return partial(via_3_entries, project), via_3_options(project)
    if name.startswith(_PROJECT):
        project = read_whole(path)
        return lambda: _entries(project.items()), _options(project)
    return lambda: _entries(read_members(path)), {}


def _first_member(path: Path) -> tuple[str, Any]:
    """Return the name and the value of the first member of an object; an empty name where there is none."""
    name, value = next(read_members(path), (None, None))
    return name or "", value


def _is_header(row: Row) -> bool:
    return bool(row) and (row[0].lstrip("#"), *row[1:]) == _COLUMNS


def _is_via_3_table(row: Row) -> bool:
    return bool(row) and row[0].startswith("# Exported using VGG Image Annotator")


def _options(project: Mapping[str, Any]) -> Options:
    attributes = member(project.get("_via_attributes"), "region")
    return {name: options_of(stated) for name, stated in attributes.items()} if isinstance(attributes, dict) else {}


def _entries(members: Iterable[tuple[str | None, Any]]) -> Iterator[Entry]:
    return (Entry(number, *_parts(stated)) for number, stated in enumerate(_stated_images(members)))


def _stated_images(members: Iterable[tuple[str | None, Any]]) -> Iterator[Any]:
    for name, value in members:
        if name == "_via_img_metadata" and isinstance(value, dict):
            yield from value.values()
        elif not (name or _PROJECT).startswith(_PROJECT):
            yield value


def _parts(stated: Any) -> tuple[Any, list[tuple[Any, Any]]]:
    """Return the name and the regions of an image, which VIA 1 has by their numbers."""
    regions = member(stated, "regions")
    listed = list(regions.values()) if isinstance(regions, dict) else regions
    if not isinstance(listed, list):
        return stated, []
    return member(stated, "filename"), [
        (member(region, "shape_attributes"), member(region, "region_attributes")) for region in listed
    ]


def _rows(path: Path) -> Iterator[Entry]:
    if not _is_header(first_row(path)):
        raise BadInput(
            f"{path}: expected the columns {','.join(_COLUMNS)}. Of VIA 3, give the project that it saves as JSON: "
            "its tables do not name images without regions."
        )
    header = True
    for lines, rows in read_rows(path):
        for line, row in zip(lines[header:], rows[header:], strict=True):
            yield _row_entry(line, row)
        header = False


def _row_entry(line: int, row: Row) -> Entry:
    """Return a row; where it does not have all fields, its name is the whole row."""
    if len(row) != len(_COLUMNS):
        return Entry(line, row, [])
    return Entry(line, row[_NAME], [(_decoded(row[_SHAPE]), _decoded(row[_ATTRIBUTES]))])


def _decoded(text: str) -> Any:
    """Return what a field states, the text itself where that is not JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
