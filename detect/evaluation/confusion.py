"""The confusion matrix of detections at one confidence and one overlap."""

from dataclasses import dataclass

import numpy as np

from detect.evaluation.detections import Found
from detect.evaluation.overlapping import on_crowds, overlapping
from detect.evaluation.truth import Truth, positions_of


@dataclass(frozen=True)
class Confusion:
    """`counts[i, j]` objects of class i were detected as class j; the last row and column, K, stand for "nothing".

    The last column therefore counts missed objects, and the last row detections where there is no object.
    """

    names: tuple[str, ...]  # K classes
    counts: np.ndarray  # int64 [K + 1, K + 1]
    confidence: float  # detections below it were left out
    overlap: float  # lowest IoU of a pair
    detected_as: np.ndarray  # int64 [M], class of the detection of each box of the truth or K; -1 for crowds
    objects_of: np.ndarray  # int64 [n], class of the object of each detection or K; -1 for those that were left out


def confusion(truth: Truth, found: Found, confidence: float = 0.25, overlap: float = 0.5) -> Confusion:
    """Pair every object with at most one detection of its image, and count the pairs by class.

    Pairs of the same class are made first, so that a detection of another class does not displace a correct one; within
    same-class and other pairs alike, the largest overlap wins. A detection of which more than half lies on a crowd is
    not counted.

    Args:
        truth: M annotated boxes.
        found: n detections.
        confidence: score from which a detection counts.
        overlap: IoU from which a detection and an object make a pair.
    """
    rows, images, found_classes = _shown(truth, found, confidence)
    boxes, nothing = found.boxes[rows], len(truth.names)
    objects, crowds = np.flatnonzero(~truth.crowd), np.flatnonzero(truth.crowd)
    true_classes = truth.categories[objects]
    pairs = overlapping(truth.boxes[objects], truth.images[objects], boxes, images, overlap)
    partner = _match(*pairs, true_classes, found_classes)

    detected_as = np.full(len(truth), -1)
    detected_as[objects] = np.append(found_classes, nothing)[partner]  # the last one is number -1
    of_shown = np.full(len(rows), nothing)
    of_shown[on_crowds(truth.boxes[crowds], truth.images[crowds], boxes, images)] = -1
    of_shown[partner[partner >= 0]] = true_classes[partner >= 0]
    objects_of = np.full(len(found), -1)
    objects_of[rows] = of_shown
    counts = np.zeros((nothing + 1, nothing + 1), np.int64)
    np.add.at(counts, (true_classes, detected_as[objects]), 1)
    counts[nothing] += np.bincount(found_classes[of_shown == nothing], minlength=nothing + 1)
    return Confusion(truth.names, counts, confidence, overlap, detected_as, objects_of)


def _shown(truth: Truth, found: Found, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return rows [n], images [n] and categories [n] of the detections that count, image by image."""
    rows = np.flatnonzero(found.scores >= confidence)
    images = positions_of(found.image_ids[rows], truth.image_ids)
    order = np.argsort(images, kind="stable")
    rows, images = rows[order], images[order]
    return rows, images, positions_of(found.category_ids[rows], truth.category_ids)


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
