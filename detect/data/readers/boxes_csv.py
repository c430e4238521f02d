"""CSV tables with a box per row, such as TensorFlow's and RetinaNet's; each row names an image and a class.

A header may name the columns, in any order and among others:

    filename,width,height,class,xmin,ymin,xmax,ymax

is that of TensorFlow's object detection tutorials and of Roboflow's `_annotations.csv`. `image`, `label`, `x1`,
`x_min`, `bbox_x` and so on are known, too; boxes may be two corners, or a corner or the centre with width and height.
`width` and `height` are those of the image unless the box has no others. Without a header, rows are in the order above,
or in that of keras-retinanet or of makesense.ai:

    path,x1,y1,x2,y2,class
    class,x,y,width,height,image,image width,image height

All numbers are pixels from the upper left corner of the image, as they stand: where a table was made from Pascal VOC
files, its boxes are up to a pixel smaller than theirs. A row of a name and empty fields is an image without boxes, and
`a.jpg` and `./a.jpg` are one image. Fields are separated by commas, semicolons, tabs or bars.

`classes.csv` or `class_mapping.csv` beside a table of RetinaNet, with rows `class,id`, gives the order of the classes.
A table is the split that its name speaks of (`train_labels.csv`), for Roboflow's that of its folder, else "train".
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from detect.data.pixels.headers import is_image_name
from detect.data.readers.assembly.box_forms import Form
from detect.data.readers.files.tables import SUFFIXES, Row, first_row, read_rows
from detect.data.readers.images.annotation_files import AnnotationFile
from detect.data.readers.kinds.box_tables import Columns, read_table
from detect.data.readers.kinds.named_content import NamedContent
from detect.data.readers.kinds.split_format import SplitFormat, one_split
from detect.data.readers.open_images import CODED
from detect.errors import BadInput

# Names of columns, in lower case and without what separates words; those of a list are tried in its order.
_IMAGES = (
    *("filename", "imagefilename", "filepath", "imagename", "imagepath", "imgname", "imgpath", "imagefile", "image"),
    *("img", "path", "file", "imageid"),
)
_CLASSES = (
    "class",
    "label",
    "classname",
    "labelname",
    "category",
    "categoryname",
    "classlabel",
    "object",
    "classid",
    "categoryid",
)
_SIZES = (("imagewidth", "imageheight"), ("imgwidth", "imgheight"), ("width", "height"))
_BOXES = {
    Form.CORNERS: (
        *(("xmin", "ymin", "xmax", "ymax"), ("x1", "y1", "x2", "y2"), ("x0", "y0", "x1", "y1")),
        ("left", "top", "right", "bottom"),
    ),
    Form.CENTRE: (
        *(("xcenter", "ycenter", "width", "height"), ("xcenter", "ycenter", "w", "h"), ("cx", "cy", "w", "h")),
        ("centerx", "centery", "width", "height"),
    ),
    Form.SIZE: (
        *(("x", "y", "w", "h"), ("x", "y", "width", "height"), ("xmin", "ymin", "w", "h")),
        *(("xmin", "ymin", "width", "height"), ("left", "top", "width", "height")),
    ),
}
_SCORES = ("score", "confidence")  # of detections: such a table is not truth
_PREFIXES = ("bbox", "box", "")

_RETINANET = Columns(name=0, box=(1, 2, 3, 4), label=5, header=False)
_TENSORFLOW = Columns(name=0, size=(1, 2), label=3, box=(4, 5, 6, 7), header=False)
_MAKESENSE = Columns(label=0, box=(1, 2, 3, 4), name=5, size=(6, 7), form=Form.SIZE, header=False)
_MAPPINGS = ("classes.csv", "class_mapping.csv", "class_map.csv", "classes_mapping.csv", "class_list.csv")
_EXAMPLE = "filename,width,height,class,xmin,ymin,xmax,ymax"


def is_boxes_csv(path: Path) -> bool:
    """Return whether the first row of a table names an image, a class and a box, or states them.

    Raises:
        BadInput: the file cannot be parsed, or is a table of detections.
    """
    row = first_row(path)
    return not set(CODED) <= set(row) and _columns(row, path) is not None


def load_boxes_csv(file: AnnotationFile) -> NamedContent:
    """Read a table; BadInput where it is not one of boxes, or none of its images is found."""
    columns = _columns(first_row(file.path), file.path)
    if columns is None:
        raise BadInput(f"{file.path}: expected columns of an image, a class and a box, such as {_EXAMPLE}.")
    content = read_table(file.path, columns)
    if columns is _RETINANET:
        _order_classes(content)
    if len(content.images) and not is_image_name(content.images.names[0]):
        content.find_images_by_stem(file)
    else:
        content.find_images(file)
    return content


def _columns(row: Row, path: Path) -> Columns | None:
    """Return the columns of a table by its first row, which names them or is of a known table; None for others."""
    names = [re.sub("[^a-z0-9]", "", field.lower()) for field in row]
    positions = {name: position for position, name in reversed([*enumerate(names)])}  # of several, the first
    score = next((field for field, name in zip(row, names, strict=True) if name in _SCORES), None)
    if score and _named_columns(positions):
        raise BadInput(f"{path} is a table of detections: it has a column {score!r}, and truth has none.")
    without_header = (columns for columns in (_RETINANET, _TENSORFLOW, _MAKESENSE) if _states_box(row, columns))
    return _named_columns(positions) or next(without_header, None)


def _named_columns(positions: Mapping[str, int]) -> Columns | None:
    """Return the columns whose names have these positions; None where an image, a class or a box is not among them."""
    name, label = _first(_IMAGES, positions), _first(_CLASSES, positions)
    box = _box(positions)
    if name is None or label is None or box is None:
        return None
    form, numbers = box
    sizes = (tuple(positions.get(side, -1) for side in sides) for sides in _SIZES)
    size = next((size for size in sizes if -1 not in size and not set(size) & set(numbers)), ())
    return Columns(name, label, numbers, form, size)


def _first(names: Sequence[str], positions: Mapping[str, int]) -> int | None:
    return next((positions[name] for name in names if name in positions), None)


def _box(positions: Mapping[str, int]) -> tuple[Form, tuple[int, ...]] | None:
    """Return the form of the boxes and the positions of their numbers."""
    for prefix in _PREFIXES:
        for form, choices in _BOXES.items():
            for names in choices:
                if all(prefix + name in positions for name in names):
                    return form, tuple(positions[prefix + name] for name in names)
    return None


def _states_box(row: Row, columns: Columns) -> bool:
    """Return whether a row has the fields of a table without header: an image, and a box with a class or neither."""
    positions = (columns.name, columns.label, *columns.box, *columns.size)
    if len(row) != len(positions) or not is_image_name(row[columns.name]):
        return False
    numbers = [row[position] for position in columns.box]
    return all(map(_is_number, numbers)) if row[columns.label] else not any(numbers)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _order_classes(content: NamedContent) -> None:
    """Take the order of the classes from the file `class,id` beside a table, if there is one."""
    for path in map(content.path.with_name, _MAPPINGS):
        numbers = _mapping(path) if path.is_file() else {}
        if numbers:
            content.order = tuple(sorted(numbers, key=lambda name: numbers[name]))
            content.notes.append(f"the order of the classes is that of {path}")
            return


def _mapping(path: Path) -> dict[str, int]:
    """Return the numbers of classes that a table states; BadInput where they are not whole numbers."""
    numbers = {}
    for lines, rows in read_rows(path):
        for line, row in zip(lines, rows, strict=True):
            name, number = (*row, "", "")[:2]
            if not re.fullmatch(r"\s*[0-9]{1,9}\s*", number):
                if line == 1:  # a header
                    continue
                raise BadInput(f"{path}:{line}: expected the name of a class and its number, found {row!r:.80}.")
            numbers[name.strip()] = int(number)
    return numbers


READER = SplitFormat(
    name="CSV",
    file="a CSV of boxes",
    folder="CSV files of boxes",
    suffixes=SUFFIXES,
    content="columns of an image, a class and a box",
    recognises=is_boxes_csv,
    load=one_split(load_boxes_csv),
).reader()
