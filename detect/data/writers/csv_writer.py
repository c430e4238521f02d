"""CSV as RetinaNet's programs read it: a line `path,x1,y1,x2,y2,class` per box, `path,,,,,` for an image without one.

This form rather than TensorFlow's `filename,width,height,class,xmin,...`, which cannot name an image without a box, nor
a class without one. Corners are in pixels, counted from 0. Source: the page of keras-retinanet.
"""

import csv
import io

from detect.data.records import Record
from detect.data.writers.decimals import decimals, text
from detect.data.writers.features import AREAS, CATEGORY_IDS, FRACTIONS, IGNORED, IMAGE_IDS, PARTLY_LABELLED
from detect.data.writers.placing import place_images
from detect.data.writers.writer import Job, Writer


def write_csv(job: Job) -> None:
    """Write a dataset as CSV files."""
    classes = job.dataset.classes
    job.folder.write("classes.csv", _table([[name, str(label)] for label, name in enumerate(classes)]))
    for split, records in job.dataset.splits.items():
        place_images(job, records, f"images/{split}")
        with job.folder.open(f"{split}.csv") as file:
            for record, name in zip(records, records.copy_names(), strict=True):
                file.write(_table(_rows(record, f"images/{split}/{name}", classes)))


def _rows(record: Record, path: str, classes: tuple[str, ...]) -> list[list[str]]:
    boxes = zip(decimals(record.boxes).tolist(), record.labels.tolist(), strict=True)
    return [[path, *map(text, box), classes[label]] for box, label in boxes] or [[path, "", "", "", "", ""]]


def _table(rows: list[list[str]]) -> bytes:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows(rows)
    return lines.getvalue().encode()


WRITER = Writer(
    name="csv",
    title="CSV",
    files="`SPLIT.csv`, `classes.csv`, images in `images/SPLIT`",
    lacks=(IMAGE_IDS, CATEGORY_IDS, IGNORED, AREAS, FRACTIONS, PARTLY_LABELLED),
    write=write_csv,
)
