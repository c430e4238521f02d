"""Pairs of true and detected boxes of an image that overlap. Boxes are x, y, width, height."""

from collections.abc import Iterator

import numpy as np

OBJECTS_AT_A_TIME = 2000  # that are compared with the detections of their images; memory grows with it


def overlapping(
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


def on_crowds(crowds: np.ndarray, crowd_images: np.ndarray, found: np.ndarray, found_images: np.ndarray) -> np.ndarray:
    """Return the positions of detections of which more than half lies on one crowd.

    Args:
        crowds: boxes [m, 4].
        crowd_images: image of each crowd, [m].
        found: boxes [n, 4] of the detections.
        found_images: image of each detection, [n], ascending.
    """
    sides, found_sides, areas = _sides(crowds), _sides(found), _areas(found)
    parts = []
    for rows, columns in _pairs_of_image(crowd_images, found_images):
        _, columns, shared = _touching(sides, found_sides, rows, columns)
        parts.append(columns[shared > 0.5 * areas[columns]])
    return np.concatenate(parts)


def _pairs_of_image(images: np.ndarray, others: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
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
