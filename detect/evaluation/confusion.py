"""Which class is taken for which: the confusion matrix of detections at one confidence and one overlap."""

from dataclasses import dataclass

import numpy as np

from detect.evaluation.detections import Found
from detect.evaluation.truth import Truth, positions_of

OBJECTS_AT_A_TIME = 2000  # compared with all detections of their images; memory grows with it


@dataclass(frozen=True)
class Confusion:
    """`counts[i, j]` objects of class i were found as class j; the last row and column stand for "nothing".

    So the last column counts objects that were missed, and the last row detections where there is no object.
    """

    names: tuple[str, ...]  # K classes
    counts: np.ndarray  # int64 [K + 1, K + 1]
    confidence: float  # detections below it were left out
    overlap: float  # least IoU of a pair


def confusion(truth: Truth, found: Found, confidence: float = 0.25, overlap: float = 0.5) -> Confusion:
    """Pairs every object with at most one detection of its image and counts the pairs by class.

    Pairs of one class are made first, so that a second detection of another class does not hide a right one; among
    pairs of one kind the largest overlap wins. A detection that lies mostly on a crowd is not counted.
    """
    boxes, images, found_classes = _shown(truth, found, confidence)
    objects, crowds = np.flatnonzero(~truth.crowd), np.flatnonzero(truth.crowd)
    true_classes = truth.categories[objects]
    pairs = _overlapping(truth.boxes[objects], truth.images[objects], boxes, images, overlap)
    partner = _match(*pairs, true_classes, found_classes)

    nothing = len(truth.names)
    counts = np.zeros((nothing + 1, nothing + 1), np.int64)
    np.add.at(counts, (true_classes, np.append(found_classes, nothing)[partner]), 1)  # the last one is number -1
    alone = np.ones(len(boxes), bool)
    alone[partner[partner >= 0]] = False
    alone[_on_crowds(truth.boxes[crowds], truth.images[crowds], boxes, images)] = False
    counts[nothing] += np.bincount(found_classes[alone], minlength=nothing + 1)
    return Confusion(truth.names, counts, confidence, overlap)


def _shown(truth: Truth, found: Found, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Boxes [n, 4], images [n] and categories [n] of the detections that are confident enough, image by image."""
    rows = np.flatnonzero(found.scores >= confidence)
    images = positions_of(found.image_ids[rows], truth.image_ids)
    order = np.argsort(images, kind="stable")
    rows, images = rows[order], images[order]
    return found.boxes[rows], images, positions_of(found.category_ids[rows], truth.category_ids)


def _match(
    rows: np.ndarray, columns: np.ndarray, iou: np.ndarray, true_classes: np.ndarray, found_classes: np.ndarray
) -> np.ndarray:
    """The detection of each object, -1 where it has none: from pairs of objects `rows` and detections `columns`."""
    partner, taken = np.full(len(true_classes), -1), np.zeros(len(found_classes), bool)
    right = true_classes[rows] == found_classes[columns]
    order = np.lexsort((-iou, ~right))
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        if partner[row] < 0 and not taken[column]:
            partner[row], taken[column] = column, True
    return partner


def _overlapping(
    objects: np.ndarray, object_images: np.ndarray, found: np.ndarray, found_images: np.ndarray, least: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Objects, detections and IoU [p] of all pairs in one image that overlap by `least` or more."""
    parts = []
    for rows, columns in _pairs_of_image(object_images, found_images):
        shared, first, second = _areas(objects[rows], found[columns])
        iou = shared / np.maximum(first + second - shared, 1e-9)
        near = iou >= least
        parts.append((rows[near], columns[near], iou[near]))
    return tuple(map(np.concatenate, zip(*parts, strict=True)))  # type: ignore[return-value]


def _on_crowds(crowds: np.ndarray, crowd_images: np.ndarray, found: np.ndarray, found_images: np.ndarray) -> np.ndarray:
    """The detections, by position, more than half of which lies on one crowd."""
    parts = []
    for rows, columns in _pairs_of_image(crowd_images, found_images):
        shared, _, area = _areas(crowds[rows], found[columns])
        parts.append(columns[shared > 0.5 * area])
    return np.concatenate(parts)


def _pairs_of_image(images: np.ndarray, others: np.ndarray):
    """All pairs (position in `images`, position in `others`, ascending) of one image, some objects after the other."""
    for start in range(0, max(len(images), 1), OBJECTS_AT_A_TIME):
        own = images[start : start + OBJECTS_AT_A_TIME]
        first, last = np.searchsorted(others, own, "left"), np.searchsorted(others, own, "right")
        counts = last - first
        rows = np.repeat(np.arange(len(own)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        yield start + rows, first[rows] + within


def _areas(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Areas [p] of the intersections, of `first` and of `second`, row by row; boxes [p, 4]: x, y, width, height."""
    near = np.maximum(first[:, :2], second[:, :2])
    far = np.minimum(first[:, :2] + first[:, 2:], second[:, :2] + second[:, 2:])
    return np.maximum(far - near, 0).prod(axis=1), first[:, 2:].prod(axis=1), second[:, 2:].prod(axis=1)
