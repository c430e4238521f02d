"""Pascal VOC: one XML file per image, and a list of names per split. Pixels are counted from 1, as in VOC.

Source: the VOC2012 development kit. A box is `x1 + 1, y1 + 1, x2, y2`, because its last pixels belong to it. No edge is
at 0 then, by which readers can tell that pixels are counted from 1.
"""

import os
from collections.abc import Sequence
from xml.sax.saxutils import escape

import numpy as np

from detect.data.records import Record
from detect.data.writers.decimals import decimals, text
from detect.data.writers.features import AREAS, CATEGORY_IDS, CLASS_LIST, FRACTIONS, IMAGE_IDS, NARROW, PARTLY_LABELLED
from detect.data.writers.placing import place_images
from detect.data.writers.writer import Job, Writer
from detect.errors import BadInput

_CORNERS = ("xmin", "ymin", "xmax", "ymax")
_FIRST_PIXEL = (1, 1, 0, 0)


def write_voc(job: Job) -> None:
    """Write a dataset as Pascal VOC; BadInput where XML cannot hold the name of a class."""
    classes = [_xml_name(name) for name in job.dataset.classes]
    for split, records in job.dataset.splits.items():
        place_images(job, records, "JPEGImages")
        with job.folder.open(f"ImageSets/Main/{split}.txt") as names:
            for record, name in zip(records, records.copy_names(), strict=True):
                stem = os.path.splitext(name)[0]
                job.folder.write(f"Annotations/{stem}.xml", _annotation(record, name, classes).encode())
                names.write(f"{stem}\n".encode())


def _xml_name(name: str) -> str:
    if not name.isprintable():
        raise BadInput(f"The class {name!r} has a letter that XML cannot hold. Rename it: `detect data merge --map`.")
    return escape(name)


def _annotation(record: Record, name: str, classes: Sequence[str]) -> str:
    objects = zip(decimals(record.boxes), record.labels.tolist(), record.ignore.tolist(), strict=True)
    return "".join(
        [
            "<annotation>\n",
            f"\t<filename>{escape(name)}</filename>\n",
            f"\t<size><width>{record.width}</width><height>{record.height}</height><depth>3</depth></size>\n",
            "\t<segmented>0</segmented>\n",
            *(_object(box, classes[label], ignore) for box, label, ignore in objects),
            "</annotation>\n",
        ]
    )


# Programs expect the pose and whether the object is cut off, which nobody has stated: these are the values of labelImg.
def _object(box: np.ndarray, name: str, ignore: bool) -> str:
    stated = (box + _FIRST_PIXEL).tolist()
    corners = "".join(f"<{corner}>{text(value)}</{corner}>" for corner, value in zip(_CORNERS, stated, strict=True))
    return (
        f"\t<object>\n\t\t<name>{name}</name>\n\t\t<pose>Unspecified</pose>\n\t\t<truncated>0</truncated>\n"
        f"\t\t<difficult>{int(ignore)}</difficult>\n\t\t<bndbox>{corners}</bndbox>\n\t</object>\n"
    )


WRITER = Writer(
    name="voc",
    title="Pascal VOC",
    files="`ImageSets/Main/SPLIT.txt`, `Annotations/*.xml`, all images in `JPEGImages`",
    lacks=(IMAGE_IDS, CATEGORY_IDS, CLASS_LIST, NARROW, FRACTIONS, AREAS, PARTLY_LABELLED),
    write=write_voc,
    one_folder=True,
    by_stem=True,
)
