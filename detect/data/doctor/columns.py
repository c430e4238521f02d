"""What several checks compute from records."""

import numpy as np

from detect.data.doctor.dataset_check import EXAMPLES, Example
from detect.data.records import Records


def boxes_by_class(records: Records, classes: int) -> np.ndarray:
    """Return how many boxes each class has that count, int64 [K]."""
    return np.bincount(records.labels[~records.ignore], minlength=classes)


def boxes_by_image(records: Records) -> np.ndarray:
    """Return how many boxes each image has, int64 [R]."""
    return np.diff(records.box_ends, prepend=0)


def image_examples(records: Records, images: np.ndarray) -> tuple[Example, ...]:
    """Return the first of the images at positions `images`, with all their boxes."""
    found = []
    for index in images[:EXAMPLES].tolist():
        path = str(records.image_path(index))
        found.append(Example(path, path, tuple(map(tuple, records.truth(index)[0].tolist()))))
    return tuple(found)


def box_examples(records: Records, boxes: np.ndarray) -> tuple[Example, ...]:
    """Return the first of the boxes in rows `boxes`, each with its image."""
    images = np.searchsorted(records.box_ends, boxes[:EXAMPLES], side="right")
    found = []
    for row, index in zip(boxes[:EXAMPLES].tolist(), images.tolist(), strict=True):
        path, box = str(records.image_path(index)), tuple(records.boxes[row].tolist())
        x1, y1, x2, y2 = (f"{value:g}" for value in box)
        found.append(Example(f"{path}, x {x1}..{x2}, y {y1}..{y2}", path, (box,)))
    return tuple(found)


def listed(names: list[str], most: int = 10) -> str:
    """Return names in one line, the first `most` of them."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
