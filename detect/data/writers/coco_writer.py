"""COCO JSON: one file per split, which states ids, crowd regions and areas too. It is written as a stream.

Source: the data format page of cocodataset.org. Images in which not all classes were looked for have the lists of LVIS,
see `detect.data.readers.coco.coco_looked_for`.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from detect.data.readers.coco.coco_looked_for import ABSENT, NOT_EXHAUSTIVE
from detect.data.records import Record
from detect.data.writers.decimals import decimals
from detect.data.writers.features import LABELS
from detect.data.writers.placing import place_images
from detect.data.writers.writer import Job, Writer


def write_coco(job: Job) -> None:
    """Write a dataset as COCO JSON, in COCO's own layout."""
    for split, records in job.dataset.splits.items():
        place_images(job, records, f"images/{split}")
        with job.folder.open(f"annotations/instances_{split}.json") as file:
            file.writelines(coco_document(records, records.copy_names(), job.dataset.classes, job.dataset.category_ids))


def coco_document(
    records: Sequence[Record], names: Sequence[str], classes: Sequence[str], category_ids: Sequence[int | str]
) -> Iterator[bytes]:
    """Return a COCO JSON, piece by piece.

    Args:
        records: R images, whose ids are kept.
        names: R names of their files.
        classes: K names, by label.
        category_ids: K ids, by label.
    """
    categories = [{"id": number, "name": name} for number, name in zip(category_ids, classes, strict=True)]
    yield b'{"categories": ' + json.dumps(categories).encode() + b', "images": ['
    images = ([_image(record, name, category_ids)] for record, name in zip(records, names, strict=True))
    yield from _joined(images)
    yield b'], "annotations": ['
    yield from _joined(_numbered(_annotations(record, category_ids) for record in records))
    yield b"]}\n"


def _image(record: Record, name: str, category_ids: Sequence[int | str]) -> dict[str, Any]:
    entry = {"id": record.image_id, "file_name": name, "width": record.width, "height": record.height}
    if record.looked_for is None or record.looked_for.all():
        return entry
    present = np.zeros(len(category_ids), bool)
    present[record.labels] = True
    return {
        **entry,
        ABSENT: [category_ids[label] for label in np.flatnonzero(record.looked_for & ~present).tolist()],
        NOT_EXHAUSTIVE: [category_ids[label] for label in np.flatnonzero(present & ~record.looked_for).tolist()],
    }


def _annotations(record: Record, category_ids: Sequence[int | str]) -> list[dict[str, Any]]:
    corners = decimals(record.boxes)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1).tolist()
    columns = zip(boxes, record.labels.tolist(), record.areas.tolist(), record.ignore.tolist(), strict=True)
    return [
        {
            "image_id": record.image_id,
            "category_id": category_ids[label],
            "bbox": box,
            "area": area,
            "iscrowd": int(ignore),
        }
        for box, label, area, ignore in columns
    ]


def _numbered(groups: Iterator[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    """Yield lists of annotations with ids, counted from 1."""
    count = 0
    for group in groups:
        yield [{"id": count + position, **entry} for position, entry in enumerate(group, 1)]
        count += len(group)


def _joined(groups: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    """Yield the elements of a JSON list, those of a group at once."""
    separator = "\n"
    for group in groups:
        if group:
            yield (separator + json.dumps(group)[1:-1]).encode()
            separator = ",\n"


WRITER = Writer(
    name="coco",
    title="COCO JSON",
    files="`annotations/instances_SPLIT.json`, images in `images/SPLIT`",
    lacks=(LABELS,),
    write=write_coco,
)
