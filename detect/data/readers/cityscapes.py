"""Cityscapes and CityPersons: a JSON file per image, in folders of splits and, inside these, of cities.

    gtFine/train/aachen/aachen_000000_000019_gtFine_polygons.json
    {"imgHeight": 20, "imgWidth": 40, "objects": [{"label": "car", "polygon": [[10, 5], [30, 5], [30, 15], [10, 15]]}]}

    gtBboxCityPersons/train/aachen/aachen_000000_000019_gtBboxCityPersons.json
    {"imgHeight": 20, "imgWidth": 40, "objects": [{"label": "pedestrian", "bbox": [10, 5, 20, 10]}]}

Source: the readme and the code of github.com/mcordts/cityscapesScripts. Polygons of classes with instances are replaced
by their upright hulls, and those of groups (`cargroup`) become ignore regions of their class; others, such as road and
sky, are counted in a note. Boxes of CityPersons are x, y, width and height of the whole body in pixels. A
`person group` becomes an ignore region of pedestrians, and an `ignore` region, which is of no class, is counted in a
note. Images with nothing but parts of the camera's own car and frame, as in the test split, are not labelled: they are
left out, and counted.

The images are in `leftImg8bit`, beside the folder of the annotations or, from an archive of their own, one level above.
"""

import os
from itertools import chain, islice
from pathlib import Path
from typing import Any

from detect.data.readers.assembly.annotations import stated_size
from detect.data.readers.assembly.hulls import Box, hull_of_points
from detect.data.readers.files.json_stream import read_whole
from detect.data.readers.files.listing import Folder
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.images.image_folders import images_below
from detect.data.readers.images.stems import Stems
from detect.data.readers.kinds.folder_format import FolderContent, FolderFormat
from detect.data.readers.kinds.named_content import MALFORMED, NamedContent, class_name
from detect.data.texts import Texts

_TYPES = ("gtFine", "gtCoarse", "gtBboxCityPersons")  # folders of annotations
_IMAGES, _IMAGE = "leftImg8bit", "{}_leftImg8bit"
_SUFFIX = ".json"
_LOOKED_AT = 20  # cities of which one has to have a file
_INSTANCES = frozenset(
    ("person", "rider", "car", "truck", "bus", "caravan", "trailer", "train", "motorcycle", "bicycle")
)
_GROUP = "group"  # how the names of regions end that are several objects
_PEDESTRIAN, _IGNORED = "pedestrian", "ignore"
_OF_THE_CAMERA = frozenset(("ego vehicle", "rectification border", "out of roi"))


class _Files(FolderContent):
    """The content of the files in the folders of the cities of a split."""

    def __init__(self, folder: Path, images: Path):
        super().__init__(folder, _SUFFIX)
        paths = (path for city in Folder(folder).folders for path in city.files_with((_SUFFIX,)))
        self.files = Texts(os.path.relpath(path, folder) for path in paths)
        self._stems = Stems(images_below(images))

    def add_file(self, entry: int, path: Path) -> None:
        content = read_whole(path)
        objects = content.get("objects")
        if not isinstance(objects, list):
            self.drop_image(entry, f"expected the list 'objects', found {objects!r:.120}")
        elif objects and all(_label(stated) in _OF_THE_CAMERA for stated in objects):
            self.counts["images that are not labelled, as those of the test split, are left out"] += 1
        else:
            row = self.add_image(self._image(entry), entry, stated_size(content, ("imgWidth", "imgHeight")))
            for position, stated in enumerate(objects):
                self._add_object(row, position, stated)

    def _image(self, entry: int) -> str:
        """Return the path of an image in the folder of the images of the split."""
        frame = self.files[entry].partition("_gt")[0]
        named = _IMAGE.format(frame)
        return self._stems.find(named) or self._stems.find(frame) or f"{named}.png"

    def _add_object(self, row: int, position: int, stated: Any) -> None:
        try:
            label, is_polygon = class_name(stated["label"]), "polygon" in stated
            found = _object(label, is_polygon)
            if found is None:
                self.counts["regions of no class with instances are left out"] += 1
                return
            box = hull_of_points(stated["polygon"]) if is_polygon else _box(stated["bbox"])
        except MALFORMED:
            self.drop_box(row, position, f"expected a 'label', and a 'polygon' or a 'bbox', found {stated!r:.120}")
            return
        if is_polygon:
            self.counts["polygons are replaced by their upright hulls"] += 1
        self.add_box(row, position, box, *found)


def _object(label: str, is_polygon: bool) -> tuple[str, bool] | None:
    """Return the class of a region, and whether it is to be ignored; None where it is not of objects."""
    name = label.removesuffix(_GROUP).strip()
    is_group = name != label
    if is_polygon:
        return (name, is_group) if name in _INSTANCES else None
    return None if label == _IGNORED else (_PEDESTRIAN if is_group else label, is_group)


def _label(stated: Any) -> Any:
    label = stated.get("label") if isinstance(stated, dict) else None
    return label if isinstance(label, str) else None


def _box(stated: Any) -> Box:
    x, y, width, height = map(float, stated)
    return x, y, x + width, y + height


def _holds_files(folder: Folder) -> bool:
    """Return whether a folder is that of a split in one of the annotations."""
    if folder.path.absolute().parent.name not in _TYPES:
        return False
    return any(True for city in islice(folder.folders, _LOOKED_AT) for _ in city.files_with((_SUFFIX,)))


def _image_folder(folder: Path) -> Path:
    """Return the folder of the images of the split whose annotations are in a folder."""
    root = folder.absolute().parent.parent
    unpacked = (inside.path for inside in Folder(root.parent).folders if inside.path != root)
    places = (place / _IMAGES / folder.name for place in chain([root], unpacked))
    return next((place for place in places if place.is_dir()), root / _IMAGES / folder.name)


def _load(folder: Path) -> NamedContent:
    """Read the files of a split; BadInput where none of their images is found."""
    images = _image_folder(folder)
    content = _Files(folder, images)
    content.add_files()
    content.find_images(AnnotationFile(folder / content.files[0], images))
    return content


READER = FolderFormat(
    name="Cityscapes",
    folder="Cityscapes",
    files="train|val/*/*.json",
    holds_files=_holds_files,
    load=_load,
).reader()
