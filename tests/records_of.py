"""Records made in tests, packed as a reader packs them."""

from collections.abc import Iterable

import numpy as np

from detect.data.looked_for import LookedFor, distinct
from detect.data.records import Record, Records
from detect.data.texts import Texts


def records_of(images: Iterable[Record]) -> Records:
    """Pack some records; their paths are whole, and `folder` is empty."""
    images = list(images)
    no_boxes = np.zeros((0, 4))
    return Records(
        folder="",
        paths=Texts(str(record.image_path) for record in images),
        image_ids=np.array([record.image_id for record in images], np.int64),
        sizes=np.array([(record.width, record.height) for record in images], np.int32).reshape(-1, 2),
        box_ends=np.cumsum([len(record.boxes) for record in images], dtype=np.int64),
        boxes=np.concatenate([no_boxes, *(record.boxes for record in images)]).astype(np.float32),
        labels=np.concatenate([[], *(record.labels for record in images)]).astype(np.int32),
        ignore=np.concatenate([[], *(record.ignore for record in images)]).astype(bool),
        areas=np.concatenate([[], *(record.areas for record in images)]).astype(np.float64),
        looked_for=looked_for_of(images),
    )


def looked_for_of(images: Iterable[Record]) -> LookedFor | None:
    """Return the classes that were looked for in some records; None where none of them says so."""
    stated = [record.looked_for for record in images]
    classes = next((len(each) for each in stated if each is not None), 0)
    if not classes:
        return None
    return distinct(np.array([np.ones(classes, bool) if each is None else each for each in stated]))
