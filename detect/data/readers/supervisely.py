"""Supervisely projects: `meta.json`, and folders of datasets with images in `img` and a JSON for each in `ann`.

    {"size": {"width": 40, "height": 20}, "tags": [], "objects": [
        {"classTitle": "car", "geometryType": "rectangle", "points": {"exterior": [[10, 5], [29, 14]], "interior": []}}
    ]}

Source: the pages on the annotation format of developer.supervisely.com, and `supervisely.geometry` of its SDK. The SDK
writes pixels, of which the last ones belong to the object (`width` is `right - left + 1`): 1 is added to them. The
labelling tool has positions instead; they are known by fractions, or by reaching the full width or height of an image.

Polygons, lines, cuboids and bitmaps are replaced by their upright hulls. Points and graphs are not objects, and are
counted in a note. An image is of the split that one of its tags is called after, else that of its dataset's name, else
"train". The order of the classes is that in `meta.json`.
"""

import base64
import os
import struct
import zlib
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from detect.data.dataset import Dataset
from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.assembly.hulls import Box, hull_of_points
from detect.data.readers.files.json_stream import first_members, read_members, read_whole
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.locating import split_named
from detect.data.readers.images.stems import Stems
from detect.data.readers.kinds.folder_format import holds_some
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, assemble_named, class_name
from detect.data.readers.reader import DatasetFolder, Reader
from detect.data.texts import Texts
from detect.errors import BadInput

FORMAT = "Supervisely"
_ANNOTATIONS, _IMAGES, _META = "ann", "img", "meta.json"
_LEVELS = 4  # of datasets inside datasets
_NOT_OBJECTS = ("point", "graph", "point_3d", "cuboid_3d", "mask_3d")
_PNG_HEADER = 33  # bytes; its size is in bytes 16 to 24
_MALFORMED = (*MALFORMED, zlib.error, struct.error)


def is_project(folder: Folder) -> bool:
    """Return whether there are annotations of Supervisely in a folder, or in one in it."""
    return any(_holds_annotations(dataset) for dataset in _datasets(folder, 1))


def read_project(folder: Path) -> Dataset:
    """Read the datasets of a project.

    Raises:
        BadInput: no object is annotated, or no split has images.
    """
    project = _Project(folder)
    for dataset in _datasets(Folder(folder), _LEVELS):
        project.add_dataset(dataset)
    return assemble_named(folder, FORMAT, project.contents())


def _datasets(folder: Folder, levels: int) -> Iterator[Folder]:
    """Yield the folders with annotations: `folder` itself, or those in it, level by level."""
    if (folder.path / _ANNOTATIONS).is_dir() and (folder.path / _IMAGES).is_dir():
        yield folder
    for inside in folder.folders if levels else ():
        if inside.path.name not in (_ANNOTATIONS, _IMAGES):
            yield from _datasets(inside, levels - 1)


def _holds_annotations(dataset: Folder) -> bool:
    return holds_some(dataset.inside(_ANNOTATIONS), ".json", _is_annotation)


def _annotation_files(dataset: Folder) -> Iterator[Path]:
    return dataset.inside(_ANNOTATIONS).files_with((".json",))


def _is_annotation(path: Path) -> bool:
    """Return whether a JSON file has the list `objects`; BadInput where it is not JSON."""
    return any(name == "objects" and isinstance(value, Iterator) for name, value in first_members(path))


class _Images(NamedContent):
    """The content of one split; entries are annotation files."""

    def __init__(self, folder: Path, files: Texts):
        super().__init__(folder)
        self.folder, self._files = str(folder), files
        self.masks = array("b")  # whether each box is that of a bitmap, whose pixels are counted

    def place(self, entry: int) -> str:
        return os.path.join(self.folder, self._files[entry])


class _Project:
    """A project while it is read."""

    def __init__(self, folder: Path):
        self._folder, self._files = folder, Texts()
        self._splits: dict[str, _Images] = {}
        self._unlabelled = 0  # images of datasets without annotation files
        self._has_positions = False  # whether coordinates are positions, and not pixels

    def add_dataset(self, dataset: Folder) -> None:
        """Read the annotation files of a dataset."""
        names = list(filter(is_image_name, dataset.inside(_IMAGES).names))
        images, stems, count = set(names), Stems(names), 0
        for path in _annotation_files(dataset):
            stated = path.name[: -len(".json")]
            name = stated if stated in images else stems.find(stated) or stated
            self._add_file(dataset.path, path, name)
            count += 1
        self._unlabelled += 0 if count else len(images)

    def contents(self) -> Mapping[str, NamedContent]:
        """Return the content of each split, with boxes from edge to edge."""
        order = tuple(_class_order(self._folder / _META))
        notes = []
        if self._unlabelled:
            notes.append(f"images of datasets without annotation files are left out ({self._unlabelled})")
        if not self._has_positions:
            notes.append("coordinates are pixels, of which the last ones belong to the object: 1 is added to them")
        for content in self._splits.values():
            content.order, content.notes = order, notes
            ends = content.boxes.table["box"][:, 2:]
            ends += np.frombuffer(content.masks, bool)[:, None] if self._has_positions else 1
            notes = []
        return self._splits

    def _add_file(self, dataset: Path, path: Path, name: str) -> None:
        entry, reason = len(self._files), ""
        self._files.append(path.relative_to(self._folder).as_posix())
        try:
            members = read_whole(path)
        except BadInput as error:
            members, reason = {}, str(error)
        content = self._content(_split_of(members.get("tags"), dataset))
        if reason or not isinstance(members.get("objects"), list):
            content.drop_image(entry, reason or f"expected a list of 'objects', found {', '.join(members) or 'none'}")
            return
        size = stated_size(members.get("size"))
        place = (dataset / _IMAGES / name).relative_to(self._folder).as_posix()
        row = content.add_image(place, entry, size)
        for position, stated in enumerate(members["objects"]):
            self._add_object(content, row, position, stated, size)

    def _content(self, split: str) -> _Images:
        return self._splits.setdefault(split, _Images(self._folder, self._files))

    def _add_object(self, content: _Images, row: int, position: int, stated: Any, size: tuple[int, int]) -> None:
        kind = stated.get("geometryType") if isinstance(stated, dict) else None
        if kind in _NOT_OBJECTS:
            content.counts[f"objects of the kind {kind!r} have no box and are left out"] += 1
            return
        try:
            box, name = _box(stated), class_name(stated["classTitle"])
        except _MALFORMED:
            content.drop_box(
                row, position, f"expected a 'classTitle', and 'points' or a 'bitmap', found {stated!r:.120}"
            )
            return
        is_mask = bool(stated.get("bitmap"))
        if kind not in ("rectangle", None):
            content.counts["polygons, bitmaps and other shapes are replaced by their upright hulls"] += 1
        self._has_positions |= not is_mask and _is_position(box, size)
        content.add_box(row, position, box, name)
        content.masks.append(is_mask)


def _box(stated: dict[str, Any]) -> Box:
    """Return the first and the last pixel of an object, in x and in y, or its edges where these are positions.

    Raises:
        TypeError, ValueError, KeyError, OverflowError, AttributeError, zlib.error, struct.error: it has none.
    """
    if stated.get("bitmap"):
        x, y = map(float, stated["bitmap"]["origin"])
        png = zlib.decompressobj().decompress(base64.b64decode(stated["bitmap"]["data"]), _PNG_HEADER)
        width, height = struct.unpack_from(">II", png, 16)
        return x, y, x + width - 1, y + height - 1
    parts = stated.get("parts") or [stated["points"]]
    points = [point for part in parts for point in (part["exterior"] if isinstance(part, dict) else part)]
    return hull_of_points(points)


def _is_position(box: Box, size: tuple[int, int]) -> bool:
    """Return whether a box cannot be of pixels: these are whole, and the last one is before the edge of the image."""
    return any(value % 1 for value in box) or (box[2], box[3]) == size or box[2] == size[0] or box[3] == size[1]


def _split_of(tags: Any, dataset: Path) -> str:
    names = [tag.get("name") for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    words = [*(name for name in names if isinstance(name, str)), dataset.name]
    return next((split for word in words if (split := split_named(word))), "train")


def _class_order(path: Path) -> Iterator[str]:
    """Yield the names of the classes of objects in a `meta.json`, if it is there."""
    if not path.is_file():
        return
    for name, value in read_members(path):
        for entry in value if name == "classes" and isinstance(value, Iterator) else ():
            if (
                isinstance(entry, dict)
                and isinstance(entry.get("title"), str)
                and entry.get("shape") not in _NOT_OBJECTS
            ):
                yield entry["title"].strip()


READER = Reader(
    folders=(
        DatasetFolder("a Supervisely project", "*/ann/*.json and */img", is_project, read_project, described=False),
    )
)
