"""YOLO: one label file per image, empty where the image has no box, and a `data.yaml` as Ultralytics reads it."""

import os

import numpy as np
import yaml

from detect.data.readers.kinds.label_files import label_paths
from detect.data.records import Record, Records
from detect.data.writers.decimals import decimals, text
from detect.data.writers.features import AREAS, CATEGORY_IDS, IGNORED, IMAGE_IDS, PARTLY_LABELLED
from detect.data.writers.placing import place_images
from detect.data.writers.writer import Job, Writer


def write_yolo(job: Job) -> None:
    """Write a dataset as YOLO label files."""
    for split, records in job.dataset.splits.items():
        place_images(job, records, f"images/{split}")
        _write_labels(job, records, f"images/{split}")
    description = {
        **{split: f"images/{split}" for split in job.dataset.splits},
        "names": dict(enumerate(job.dataset.classes)),
    }
    job.folder.write("data.yaml", yaml.safe_dump(description, allow_unicode=True, sort_keys=False).encode())


def _write_labels(job: Job, records: Records, folder: str) -> None:
    for record, name in zip(records, records.copy_names(), strict=True):
        # Readers put "labels" in place of the last "images" of the whole path.
        path, *_ = label_paths(os.path.join(os.sep, folder, name))
        job.folder.write(path.lstrip(os.sep), _lines(record).encode())


def _lines(record: Record) -> str:
    corners, size = decimals(record.boxes), np.array([record.width, record.height])
    centres, sides = (corners[:, :2] + corners[:, 2:]) / 2 / size, (corners[:, 2:] - corners[:, :2]) / size
    values = np.concatenate([centres, sides], axis=1).tolist()
    return "".join(
        f"{label} {' '.join(map(text, row))}\n" for label, row in zip(record.labels.tolist(), values, strict=True)
    )


WRITER = Writer(
    name="yolo",
    title="YOLO labels",
    files="`data.yaml`, images in `images/SPLIT`, a text file for each in `labels/SPLIT`",
    lacks=(IMAGE_IDS, CATEGORY_IDS, IGNORED, AREAS, PARTLY_LABELLED),
    write=write_yolo,
    by_stem=True,
)
