"""Suppression in NumPy for exports that leave it to the client: greedy, or soft with a Gaussian."""

import numpy as np

from detect.models.suppression import Suppression
from detect.structures import Candidates, Detections

TINY = 1e-30  # square pixels: empty boxes overlap nothing
FAR = 1e9  # pixels: where boxes end, so that no area overflows


def best_detections(
    candidates: Candidates, extents: np.ndarray, rules: Suppression, confidence: float, iou: float
) -> Detections:
    """Return the best detections of each image, as the model's own suppression finds them.

    Args:
        candidates: float32 arrays of B images.
        extents: float32 [B, 2], the rows and columns of each image that are not padding; boxes are clipped to them.
        rules: those of the model.
        confidence: scores have to be above this.
        iou: boxes of one class that overlap more than this are one object; soft suppression has no use for it.

    Returns:
        `rules.max_detections` rows per image, best score first, padded with zeros and the label -1.
    """
    images = (
        _of_image(boxes, scores, extent[[1, 0, 1, 0]], rules, confidence, iou)
        for boxes, scores, extent in zip(*candidates, extents, strict=True)
    )
    return Detections(*map(np.stack, zip(*images, strict=True)))


def _of_image(boxes, scores, edges, rules: Suppression, confidence, iou) -> Detections:
    """Return the detections of one image: boxes [A, 4] or [A, K, 4], scores [A, K], edges [4] where boxes end.

    What is not finite takes no part.
    """
    is_finite = np.isfinite(boxes).all(axis=-1).reshape(len(boxes), -1)
    rows, labels = np.nonzero((scores > confidence) & (scores < np.inf) & is_finite)
    scores = scores[rows, labels]
    order = np.argsort(-scores, kind="stable")[: rules.candidates]
    rows, labels, scores = rows[order], labels[order], scores[order]
    boxes = _ordered(boxes[rows, labels] if boxes.ndim == 3 else boxes[rows])
    boxes = np.clip(boxes, 0, edges) if rules.clips_first else boxes
    found = Detections(
        np.zeros([rules.max_detections, 4], np.float32),
        np.zeros([rules.max_detections], np.float32),
        np.full([rules.max_detections], -1, np.int32),
    )
    for place in range(rules.max_detections):
        best = scores.argmax() if len(scores) else 0
        if not len(scores) or scores[best] <= confidence:
            break
        for part, values in zip(found, (np.clip(boxes[best], 0, edges), scores[best], labels[best]), strict=True):
            part[place] = values
        rivals = np.flatnonzero((labels == labels[best]) & (scores > confidence))
        scores[rivals] *= factors(overlaps_of(boxes[best], boxes[rivals]), rules.soft_sigma, iou)
        scores[best] = 0
    return found


def _ordered(boxes: np.ndarray) -> np.ndarray:
    """Return boxes [n, 4] that end where they begin at the earliest: one with exchanged corners has no area."""
    boxes = np.clip(boxes, -FAR, FAR)
    return np.concatenate([boxes[:, :2], np.maximum(boxes[:, :2], boxes[:, 2:])], axis=1)


def factors(overlap: np.ndarray, sigma: float | None, iou: float) -> np.ndarray:
    """Return the factors by which boxes keep their scores that overlap a better one by `overlap` (IoU, any shape).

    They are 0 or 1, by whether the overlap is above `iou`; or those of a Gaussian, where there is a `sigma`.
    """
    return overlap <= iou if sigma is None else np.exp(-np.square(overlap) / sigma)


def overlaps_of(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return the IoU [..., n] of a box [4], or of boxes [..., 1, 4], with others [n, 4]."""
    sides = np.minimum(box[..., 2:], boxes[:, 2:]) - np.maximum(box[..., :2], boxes[:, :2])
    common = _product(np.maximum(sides, 0))
    area, areas = (_product(each[..., 2:] - each[..., :2]) for each in (box, boxes))
    return common / np.maximum(area + areas - common, TINY)


def _product(sides: np.ndarray) -> np.ndarray:
    """Return the products [...] of two sides [..., 2]; `np.prod` along so short an axis takes many times as long."""
    return sides[..., 0] * sides[..., 1]
