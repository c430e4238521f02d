"""Pairs of detections of two models on one image, each of which is the other's best match."""

import numpy as np

from detect.artefacts.client_suppression import overlaps_of
from detect.structures import Detections

OBJECT = 0.5  # IoU from which boxes of one class are taken for the same object
GROWN = 1.0  # pixels that boxes are larger on each side when they are paired: small and empty ones have matches, too
TIE = 1e-6  # a weight of scores with which they decide only between boxes that overlap alike


def same_objects(ours: Detections, theirs: Detections) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows in `ours` and those in `theirs` of detections of the same objects, arrays without padding.

    Scores decide, too: a box is not paired with a weak duplicate of it, as detectors without suppression have them.
    """
    return pairs(_grown(ours), _grown(theirs), OBJECT, 1.0)


def overlaps_with_any(found: Detections, row: int, others: Detections) -> np.ndarray:
    """Return the IoU [m] of a detection with others of any class, grown as for `same_objects`."""
    return overlaps_of(np.asarray(_grown(found).boxes)[row], np.asarray(_grown(others).boxes))


def pairs(ours: Detections, theirs: Detections, least: float, score_weight: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows in `ours` and those in `theirs` of detections that are each other's best match.

    Args:
        ours: those of one model, arrays without padding.
        theirs: those of another one.
        least: IoU from which detections of one class match.
        score_weight: IoU that a difference of 1 between scores is worth.
    """
    overlap = overlaps_of(np.asarray(ours.boxes)[:, None], np.asarray(theirs.boxes))
    overlap = np.where(np.asarray(ours.labels)[:, None] == theirs.labels, overlap, 0)
    distance = np.abs(np.asarray(ours.scores, np.float64)[:, None] - theirs.scores)
    rank = np.where(overlap >= least, overlap - score_weight * distance, -np.inf)
    rows, columns = np.nonzero((overlap >= least) & _is_best(rank))
    return rows, columns


def largest_differences(ours: Detections, theirs: Detections) -> tuple[np.ndarray, np.ndarray]:
    """Return the differences between paired rows: the largest of each box [n], pixels, and those of the scores [n]."""
    boxes = np.abs(np.asarray(ours.boxes) - theirs.boxes).max(axis=1, initial=0)
    return boxes, np.abs(np.asarray(ours.scores) - theirs.scores)


def rows_of(found: Detections, rows: np.ndarray | int) -> Detections:
    """Return some rows of the detections of an image."""
    return Detections(*(np.asarray(part)[rows] for part in found))


def _grown(found: Detections) -> Detections:
    return found._replace(boxes=np.asarray(found.boxes) + np.array([-GROWN, -GROWN, GROWN, GROWN], np.float32))


def _is_best(rank: np.ndarray) -> np.ndarray:
    """Return which pairs are each other's best."""
    if not rank.size:
        return np.zeros(rank.shape, bool)
    return (rank == rank.max(axis=1, keepdims=True)) & (rank == rank.max(axis=0, keepdims=True))
