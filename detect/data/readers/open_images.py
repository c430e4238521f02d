"""OpenImages: CSV tables with a box per row, in fractions of the image, and codes for classes.

    ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepiction,IsInside

Source: the download page of storage.googleapis.com/openimages. A table `code,name`, such as
`class-descriptions-boxable.csv`, names the classes; it lies beside the boxes or in a folder `metadata`. Without it,
classes are called by their codes. `IsGroupOf` boxes become ignore regions.

Images are found by their ids, in folders at any depth beside the table: `train/000026e7ee790996.jpg`. Those that are
not there are left out and counted in a note, because few people have all of the two million that the tables name. A
table is the split that its name speaks of (`oidv6-train-annotations-bbox.csv`), or its folder's, as in
`train/labels/detections.csv`.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from detect.data.readers.files.listing import Folder
from detect.data.readers.files.tables import SUFFIXES, Row, first_row, read_rows
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.kinds.box_tables import Columns, read_table
from detect.data.readers.kinds.named_content import NamedContent
from detect.data.readers.kinds.split_format import SplitFormat, one_split
from detect.errors import BadInput

CODED = ("ImageID", "LabelName")  # columns of all tables of OpenImages, such as those of masks
_BOX = ("XMin", "YMin", "XMax", "YMax")
_HEADER = (*CODED, *_BOX)


def is_open_images(path: Path) -> bool:
    """Return whether the first row of a table names the columns of OpenImages' boxes."""
    return _is_header(first_row(path))


def load_open_images(file: AnnotationFile) -> NamedContent:
    """Read a table; BadInput where it is not of OpenImages, or none of its images is found."""
    row = first_row(file.path)
    if not _is_header(row):
        raise BadInput(f"{file.path}: expected the columns of OpenImages, found {','.join(row)!r:.120}.")
    columns = Columns(
        name=row.index("ImageID"),
        label=row.index("LabelName"),
        box=tuple(map(row.index, _BOX)),
        ignore=row.index("IsGroupOf") if "IsGroupOf" in row else None,
        fractions=True,
    )
    content = read_table(file.path, columns)
    _name_classes(content)
    _leave_out_missing(content, file)
    return content


def _is_header(row: Row) -> bool:
    return set(row) >= set(_HEADER)


def _leave_out_missing(content: NamedContent, file: AnnotationFile) -> None:
    """Find the images, and leave out those that are not there: a table names all images of its split."""
    found = content.find_images_by_stem(file)
    missing, count = int(np.count_nonzero(~found)), len(found)
    if missing:
        what = f"images that {content.path.name} names, but that are not in {content.folder}, are left out"
        content.notes.append(f"{what} ({missing} of {count})")
        content.select_images(np.flatnonzero(found))


def _name_classes(content: NamedContent) -> None:
    """Replace the codes of the classes by their names, as far as a table beside the boxes has them."""
    path = next(_descriptions(content.path.parent), None)
    if path is None:
        content.notes.append(f"no table beside {content.path.name} names the classes: they are called by their codes")
        return
    content.rename_classes({row[0]: row[1].strip() for _, rows in read_rows(path) for row in rows if len(row) == 2})
    content.notes.append(f"the classes are named by {path}")


def _descriptions(folder: Path) -> Iterator[Path]:
    """Yield the tables near a folder whose names and first rows are those of class descriptions."""
    for inside in (folder, folder / "metadata", folder.parent / "metadata", folder.parent):
        for path in Folder(inside).files_with(SUFFIXES):
            if "class" in path.name.lower() and len(first_row(path)) == 2:
                yield path


READER = SplitFormat(
    name="OpenImages CSV",
    file="an OpenImages CSV",
    folder="OpenImages",
    suffixes=SUFFIXES,
    content="columns " + ", ".join(f"`{name}`" for name in _HEADER),
    recognises=is_open_images,
    load=one_split(load_open_images),
    inside="labels",
).reader()
