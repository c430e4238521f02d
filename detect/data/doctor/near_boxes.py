"""Pairs of boxes of an image that are nearly equal."""

import numpy as np

from detect.data.doctor.columns import image_of_box
from detect.data.records import Records

SAME_OBJECT = 0.9  # IoU from which on two boxes are of one object


def near_pairs(records: Records, least_iou: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of all pairs of boxes of an image whose IoU is at least `least_iou` (above 0), int64 [n] twice.

    Each box is compared with those that begin to the right of it, as long as enough of its width is left.
    """
    left, width = records.boxes[:, 0], records.boxes[:, 2] - records.boxes[:, 0]
    images = image_of_box(records)
    order = np.lexsort((left, images))
    # Two boxes share at least `least_iou` of the width of the wider one.
    last = left + (1 - least_iou) * width
    active, step = np.arange(len(order)), 1
    found = [(order[:0], order[:0])]
    while len(active := active[active + step < len(order)]):
        one, other = order[active], order[active + step]
        close = (images[one] == images[other]) & (left[other] <= last[one])
        active, one, other = active[close], one[close], other[close]
        near = _iou(records.boxes[one], records.boxes[other]) >= least_iou
        found.append((one[near], other[near]))
        step += 1
    firsts, seconds = zip(*found, strict=True)
    return np.concatenate(firsts), np.concatenate(seconds)


def _iou(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the IoU of boxes [n, 4] with others, one by one: float32 [n]."""
    sides = np.minimum(one[:, 2:], other[:, 2:]) - np.maximum(one[:, :2], other[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (one, other)]
    return shared / (areas[0] + areas[1] - shared)
