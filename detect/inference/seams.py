"""Merge what a model has found in overlapping views of one image. NumPy only: exports do it without TensorFlow.

Two detections from different views are one object if they are of one class and agree, by IoU, in the part of the image
that both views show. So nothing is merged but at seams; what one view has found is never compared with itself, because
the model has done that; and an object that a seam has cut in two is one again, whatever its size: its halves agree
where the views overlap.

Each side of an object is the mean of those that no view has cut, and its score the mean over all views that show it, 0
where they have not found it. AP on 12 images of 1600 x 1200 pixels with objects of 6 to 15, by tiles of 320
(tools/measuring/small_objects.py): 25.1 without merging; 33.0 with suppression of all boxes that overlap by 0.5; 33.4
where the best of those that agree at a seam stays as it is; 33.9 with the mean of their sides; 34.8 with that of their
scores too.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detect.data.pixels.tiles import Window

AGREEMENT = 0.5  # IoU, in the common part of two views, from which two boxes are one object
EDGE = 0.01  # of the side of a view: a box that ends no further from its border may be cut there
SHOWN = 0.9  # share of its box that a view has to show to be expected to find an object
TINY = 1e-9  # square pixels


class Objects(NamedTuple):
    """n objects in one image."""

    boxes: np.ndarray  # float32 [n, 4], pixels of the image
    scores: np.ndarray  # float32 [n]
    labels: np.ndarray  # int32 [n]


def merge(found: Sequence[Objects], windows: Sequence[Window], height: int, width: int) -> Objects:
    """Return the objects in an image, best score first.

    Args:
        found: in each view, in pixels of the image.
        windows: the part of the image that each view shows.
        height: of the image, pixels.
        width: of the image, pixels.
    """
    boxes, scores, labels = (np.concatenate(parts) for parts in zip(*found, strict=True))
    views = np.repeat(np.arange(len(found)), [len(each.scores) for each in found])
    corners = np.array(windows, np.float32).reshape(-1, 4)
    pairs = agreeing_pairs(boxes, labels, views, corners)
    cut = cut_sides(boxes, corners[views], height, width)
    groups = grouped(scores, np.any(cut, axis=1), pairs)
    first, groups = np.unique(groups, return_inverse=True)
    merged = fused(boxes, scores, cut, groups, first)
    objects = Objects(merged, mean_scores(merged, scores, groups, views, corners), labels[first])
    order = np.argsort(-objects.scores, kind="stable")
    return Objects(*(values[order] for values in objects))


def agreeing_pairs(boxes: np.ndarray, labels: np.ndarray, views: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the pairs of detections that are one object, int64 [pairs, 2].

    Args:
        boxes: [n, 4].
        labels: [n].
        views: the view of each detection, ascending, [n].
        windows: of the views, [views, 4].
    """
    pairs = [np.zeros((0, 2), np.int64)]
    ends = np.searchsorted(views, np.arange(len(windows)), side="right")
    start = 0
    for view, end in enumerate(ends.tolist()):
        own, later = np.arange(start, end), end + np.flatnonzero(_touch(boxes[end:], windows[view]))
        start = end
        for other in np.unique(views[later]).tolist() if len(own) else ():
            common = _intersection(windows[view], windows[other])
            theirs = later[views[later] == other]
            theirs = theirs[_touch(boxes[theirs], common)]
            mine = own[_touch(boxes[own], common)]
            overlap = _iou(_intersection(boxes[mine], common), _intersection(boxes[theirs], common))
            agree = (overlap >= AGREEMENT) & (labels[mine][:, None] == labels[theirs])
            first, second = np.nonzero(agree)
            pairs.append(np.stack([mine[first], theirs[second]], axis=1))
    return np.concatenate(pairs)


def cut_sides(boxes: np.ndarray, windows: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return which sides of boxes may be those of their views, not of objects: bool [n, 4].

    Args:
        boxes: [n, 4].
        windows: of the view of each box, [n, 4].
        height: of the image, pixels: what ends at its border is not cut.
        width: of the image, pixels.
    """
    sides = windows[:, 2:] - windows[:, :2]
    at_border = np.abs(boxes - windows) <= EDGE * np.tile(sides, 2)
    return at_border & (windows != np.array([0, 0, width, height], windows.dtype))


def grouped(scores: np.ndarray, is_cut: np.ndarray, pairs: np.ndarray) -> np.ndarray:
    """Return for each detection the best one of its object, int64 [n].

    The best detection that is left takes those that agree with it. Of an object that seams have cut, these take others
    in turn, so that its parts come together across several views.

    Args:
        scores: [n].
        is_cut: whether a detection may be a part of an object, bool [n].
        pairs: of detections that agree, [pairs, 2].
    """
    best = np.arange(len(scores))
    partners: dict[int, list[int]] = {}
    for one, other in pairs.tolist():
        partners.setdefault(one, []).append(other)
        partners.setdefault(other, []).append(one)
    left = set(partners)
    for leader in sorted(partners, key=lambda row: (-scores[row], row)):
        if leader not in left:
            continue
        left.remove(leader)
        growing = [leader]
        while growing:
            taken = [row for row in partners[growing.pop()] if row in left]
            left.difference_update(taken)
            best[taken] = leader
            growing += [row for row in taken if is_cut[row]]
    return best


def fused(boxes: np.ndarray, scores: np.ndarray, cut: np.ndarray, groups: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the box of each object, float32 [objects, 4].

    Each side is the mean of those that no view has cut, weighted by score; where all are cut, the outermost one.

    Args:
        boxes: of detections, [n, 4].
        scores: [n].
        cut: which sides are cut, bool [n, 4].
        groups: the object of each detection, [n].
        first: the best detection of each object, [objects].
    """
    weights = np.where(cut, 0, scores[:, None]).astype(np.float64)
    total, weighted = (np.zeros((len(first), 4)) for _ in range(2))
    np.add.at(total, groups, weights)
    np.add.at(weighted, groups, weights * boxes)
    outermost = boxes[first].astype(np.float64)
    np.minimum.at(outermost[:, :2], groups, boxes[:, :2])
    np.maximum.at(outermost[:, 2:], groups, boxes[:, 2:])
    return np.where(total > 0, weighted / np.maximum(total, TINY), outermost).astype(np.float32)


def mean_scores(
    objects: np.ndarray, scores: np.ndarray, groups: np.ndarray, views: np.ndarray, windows: np.ndarray
) -> np.ndarray:
    """Return the score of each object, the mean over the views that show or have found it, float32 [objects].

    Args:
        objects: their boxes, [objects, 4].
        scores: of detections, [n].
        groups: the object of each detection, [n].
        views: the view of each detection, [n].
        windows: of the views, [views, 4].
    """
    found, places = np.unique(groups * len(windows) + views, return_inverse=True)  # an object in a view
    best = np.zeros(len(found))
    np.maximum.at(best, places, scores)
    owners, found_in = np.divmod(found, max(len(windows), 1))
    count = len(objects)
    expected = np.zeros(count, np.int64)
    for window in windows:
        expected += _is_shown(objects, window)
    met = np.bincount(owners, _is_shown(objects[owners], windows[found_in]), minlength=count)
    seen = np.bincount(owners, minlength=count) + expected - met
    return (np.bincount(owners, best, minlength=count) / seen).astype(np.float32)


def _is_shown(boxes: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return whether a window [4] or [n, 4] shows nearly all of a box [n, 4]: bool [n]."""
    low, high = np.maximum(boxes[:, :2], windows[..., :2]), np.minimum(boxes[:, 2:], windows[..., 2:])
    return _product(np.maximum(high - low, 0)) >= SHOWN * _product(boxes[:, 2:] - boxes[:, :2])


def _touch(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Return which boxes [n, 4] have a part in a window [4]: bool [n]."""
    return np.all((boxes[:, :2] < window[2:]) & (boxes[:, 2:] > window[:2]), axis=1)


def _intersection(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Return the common part of boxes [..., 4] and a window [4]."""
    return np.concatenate([np.maximum(boxes[..., :2], window[:2]), np.minimum(boxes[..., 2:], window[2:])], axis=-1)


def _iou(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the IoU [n, m] of boxes [n, 4] and others [m, 4]."""
    sides = np.minimum(boxes[:, None, 2:], others[:, 2:]) - np.maximum(boxes[:, None, :2], others[:, :2])
    common = _product(np.maximum(sides, 0))
    area, areas = (_product(each[:, 2:] - each[:, :2]) for each in (boxes, others))
    return common / np.maximum(area[:, None] + areas - common, TINY)


def _product(sides: np.ndarray) -> np.ndarray:
    """Return the products [...] of two sides [..., 2]; `np.prod` along so short an axis takes many times as long."""
    return sides[..., 0] * sides[..., 1]
