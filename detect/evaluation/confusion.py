"""The confusion matrix of detections at one confidence and one overlap."""

from dataclasses import dataclass

import numpy as np

from detect.evaluation.detections import Found
from detect.evaluation.truth import Truth, positions_of

OBJECTS_AT_A_TIME = 2000  # that are compared with the detections of their images; memory grows with it


@dataclass(frozen=True)
class Confusion:
    """`counts[i, j]` objects of class i were detected as class j; the last row and column stand for "nothing".

    The last column therefore counts missed objects, and the last row detections where there is no object.
    """

    names: tuple[str, ...]  # K classes
    counts: np.ndarray  # int64 [K + 1, K + 1]
    confidence: float  # detections below it were left out
    overlap: float  # lowest IoU of a pair


def confusion(truth: Truth, found: Found, confidence: float = 0.25, overlap: float = 0.5) -> Confusion:
    """Pair every object with at most one detection of its image, and count the pairs by class.

    Pairs of the same class are made first, so that a detection of another class does not displace a correct one; within
    same-class and other pairs alike, the largest overlap wins. A detection of which more than half lies on a crowd is
    not counted.

    Args:
        truth: the annotated boxes.
        found: the detections.
        confidence: score from which a detection counts.
        overlap: IoU from which a detection and an object make a pair.
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
    """Return boxes [n, 4], images [n] and categories [n] of the detections that count, image by image."""
    rows = np.flatnonzero(found.scores >= confidence)
    images = positions_of(found.image_ids[rows], truth.image_ids)
    order = np.argsort(images, kind="stable")
    rows, images = rows[order], images[order]
    return found.boxes[rows], images, positions_of(found.category_ids[rows], truth.category_ids)


def _match(
    rows: np.ndarray, columns: np.ndarray, iou: np.ndarray, true_classes: np.ndarray, found_classes: np.ndarray
) -> np.ndarray:
    """Return the detection of each object, -1 if it has none.

    Args:
        rows: object of each candidate pair, [p].
        columns: detection of each candidate pair, [p].
        iou: overlap of each candidate pair, [p].
        true_classes: of all objects.
        found_classes: of all detections.
    """
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
    """Return objects, detections and IoU [p] of all pairs within an image whose IoU is `least` or more.

    Args:
        objects: boxes [m, 4]: x, y, width, height.
        object_images: image of each object, [m].
        found: boxes [n, 4] of the detections.
        found_images: image of each detection, [n], ascending.
        least: lowest IoU of a pair.
    """
    sides, found_sides = _sides(objects), _sides(found)
    areas, found_areas = _areas(objects), _areas(found)
    parts = []
    for rows, columns in _pairs_of_image(object_images, found_images):
        rows, columns, shared = _touching(sides, found_sides, rows, columns)
        iou = shared / np.maximum(areas[rows] + found_areas[columns] - shared, 1e-9)
        near = iou >= least
        parts.append((rows[near], columns[near], iou[near]))
    return tuple(map(np.concatenate, zip(*parts, strict=True)))  # type: ignore[return-value]


def _on_crowds(crowds: np.ndarray, crowd_images: np.ndarray, found: np.ndarray, found_images: np.ndarray) -> np.ndarray:
    """Return the positions of detections of which more than half lies on one crowd."""
    sides, found_sides, areas = _sides(crowds), _sides(found), _areas(found)
    parts = []
    for rows, columns in _pairs_of_image(crowd_images, found_images):
        _, columns, shared = _touching(sides, found_sides, rows, columns)
        parts.append(columns[shared > 0.5 * areas[columns]])
    return np.concatenate(parts)


def _pairs_of_image(images: np.ndarray, others: np.ndarray):
    """Yield all pairs (position in `images`, position in `others`) of the same image, a part of them at a time.

    `others` ascends.
    """
    for start in range(0, max(len(images), 1), OBJECTS_AT_A_TIME):
        own = images[start : start + OBJECTS_AT_A_TIME]
        first, last = np.searchsorted(others, own, "left"), np.searchsorted(others, own, "right")
        counts = last - first
        rows = np.repeat(np.arange(len(own)), counts)
        within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        yield start + rows, first[rows] + within


def _touching(
    first: np.ndarray, second: np.ndarray, rows: np.ndarray, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the pairs of boxes that share an area, and these areas.

    Args:
        first: `_sides` of m boxes.
        second: those of n boxes.
        rows: position in `first` of each pair, [p].
        columns: position in `second` of each pair, [p].
    """
    shared = np.ones(len(rows))
    for near, far in (0, 2), (1, 3):  # of the pairs that are left after the first direction
        begin = np.maximum(first[near][rows], second[near][columns])
        end = np.minimum(first[far][rows], second[far][columns])
        some = np.flatnonzero(end > begin)
        rows, columns, shared = rows[some], columns[some], shared[some] * (end - begin)[some]
    return rows, columns, shared


def _sides(boxes: np.ndarray) -> np.ndarray:
    """Return left, top, right and bottom of boxes [n, 4] (x, y, width, height), each in one piece of memory: [4, n]."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).T.copy()


def _areas(boxes: np.ndarray) -> np.ndarray:
    """Return the areas [n] of boxes [n, 4]: x, y, width, height."""
    return boxes[:, 2] * boxes[:, 3]
