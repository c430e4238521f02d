"""VisDrone for detection in images: a text file per image in `annotations`.

    10,5,20,10,1,4,0,0

Source: "Results format" of aiskyeye.com. A line has the upper left corner, width and height in pixels, then 1, or 0
where the object is ignored in scoring, the number of the class, truncation and occlusion. Ignored objects become ignore
regions. The class 0, regions in which objects are not labelled, cannot be ignored here, because it is none of the
classes: such regions are left out and counted in a note, and so are ignored objects of the class "others".

Images are in `images`, beside `annotations`. These folders are the training split, unless they lie in folders that are
named after splits, such as VisDrone's own `VisDrone2019-DET-train`.
"""

from pathlib import Path

from detect.data.readers.files.listing import Folder
from detect.data.readers.kinds.folder_format import FolderFormat
from detect.data.readers.kinds.named_content import NamedContent
from detect.data.readers.kinds.text_annotations import Stated, holds_annotations, load_annotations

_ANNOTATIONS, _IMAGES = "annotations", "images"
_NAMES = (
    *("", "pedestrian", "people", "bicycle", "car", "van", "truck", "tricycle", "awning-tricycle", "bus", "motor"),
    "others",
)
_FIELDS = 8


def parse_line(line: str) -> Stated:
    """Read a line of a file of VisDrone; ValueError where it is not one."""
    fields = line.rstrip(",").split(",")
    if len(fields) != _FIELDS:
        raise ValueError(f"expected {_FIELDS} numbers")
    x, y, width, height, score, label = map(float, fields[:6])
    if score not in (0, 1) or label not in range(len(_NAMES)):
        raise ValueError(f"expected 0 or 1 and then the number of a class, at most {len(_NAMES) - 1}")
    name = _NAMES[int(label)]
    return Stated("" if not score and name == _NAMES[-1] else name, (x, y, x + width, y + height), not score)


def _holds_files(folder: Folder) -> bool:
    names = {inside.path.name for inside in folder.folders}
    return {_ANNOTATIONS, _IMAGES} <= names and holds_annotations(folder.inside(_ANNOTATIONS), parse_line)


def _load(folder: Path) -> NamedContent:
    return load_annotations(folder / _ANNOTATIONS, folder / _IMAGES, parse_line)


READER = FolderFormat(
    name="VisDrone",
    folder="VisDrone",
    files="annotations/*.txt and images",
    holds_files=_holds_files,
    load=_load,
).reader()
