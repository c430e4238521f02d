"""Adaptive training sample selection (Zhang et al. 2020, arXiv 1912.02424, algorithm 1).

Each true box has its own IoU threshold, computed from the statistics of the anchors around it.
"""

import numpy as np
import tensorflow as tf

from detect.ops.boxes import intersection_over_area, paired_iou
from detect.ops.compiling import Runtime, at_most, dimension, fused
from detect.ops.matching import NEGATIVE, NEITHER, Matches
from detect.ops.visiting import largest_in_rows, scatter_in_rows, visit_boxes

TOGETHER = 64  # boxes that `matched_alone` compares with all anchors at a time


@fused
def assign_atss(
    anchors: tf.Tensor,
    levels: tuple[int, ...],
    boxes: tf.Tensor,
    labels: tf.Tensor,
    ignore: tf.Tensor,
    *,
    candidates: int = 9,
    runtime: Runtime = "local",
) -> Matches:
    """Match anchors to true boxes. No gradient flows.

    On each level, the candidates of a box are the anchors whose centres are nearest to its own, the first of equals.
    Those are positive whose IoU is at least the mean plus the standard deviation of the IoUs of all candidates, and
    whose centre lies within the box. An anchor that is positive for several boxes goes to the one that it overlaps
    most, the first of equals. As in the authors' code (https://github.com/sfzhang15/ATSS), the deviation is that of a
    sample, divided by the number of candidates minus one. Unlike there, a centre may be less than 0.01 pixels from the
    border.

    Args:
        anchors: float32 [A, 4], level by level, pixels. For FCOS, squares of 8 strides around its points (section 3.2).
        levels: number of anchors of each pyramid level; the sum is A.
        boxes: float32 [B, N, 4], pixels.
        labels: int32 [B, N], -1 in padded rows, which never match.
        ignore: bool [B, N], regions that do not match; anchors with more than half their area in one are `NEITHER`
            unless they are positive.
        candidates: candidates of a box on each level: 9 for one anchor per cell. For nine anchors per cell the authors'
            code takes 9 * 9.
        runtime: what will run it.

    Returns:
        `Matches` whose `ious` are those with the matched box, 0 where there is none.
    """
    anchors = tf.stop_gradient(anchors)

    def visit(numbers, boxes, labels, real, ignored, best, index, in_ignored):
        iou = tf.where(real, _positive_overlaps(anchors, levels, boxes, candidates, runtime), 0.0)  # [B, n, A]
        most = tf.reduce_max(iou, axis=1)
        index = tf.where(most > best, tf.gather(numbers, tf.argmax(iou, axis=1)), index)
        covered = tf.linalg.matrix_transpose(intersection_over_area(anchors, boxes))
        in_ignored |= tf.reduce_any(ignored & (covered > 0.5), axis=1)
        return tf.maximum(best, most), index, in_ignored

    shape = [dimension(boxes, 0), dimension(anchors, 0)]
    start = tf.zeros(shape), tf.fill(shape, NEGATIVE), tf.zeros(shape, tf.bool)
    best, index, ignored = visit_boxes(visit, start, tf.stop_gradient(boxes), labels, ignore, runtime=runtime)
    return Matches(tf.where((index == NEGATIVE) & ignored, NEITHER, index), best)


def matched_alone(anchors: np.ndarray, levels: tuple[int, ...], boxes: np.ndarray, candidates: int = 9) -> np.ndarray:
    """Return which boxes are matched to an anchor where each is alone in its image, bool [n].

    Args:
        anchors: as in `assign_atss`.
        levels: as in `assign_atss`.
        boxes: float32 [n, 4], pixels.
        candidates: as in `assign_atss`.
    """
    found = []
    for start in range(0, len(boxes), TOGETHER):
        part = boxes[start : start + TOGETHER, None]
        alone = np.zeros([len(part), 1], np.int32), np.zeros([len(part), 1], bool)
        indices = assign_atss(anchors, levels, part, *alone, candidates=candidates).indices
        found.append(np.any(indices >= 0, axis=1))
    return np.concatenate(found) if found else np.zeros(0, bool)


def _positive_overlaps(anchors, levels, boxes, candidates, runtime):
    """Return the IoUs [B, n, A] of boxes [B, n, 4] with the anchors that are positive for them, 0 elsewhere."""
    nearest = _nearest_anchors(anchors, levels, boxes, candidates, runtime)  # [B, n, C]
    around = tf.gather(anchors, nearest)  # [B, n, C, 4]
    iou = paired_iou(around, boxes[:, :, None])
    mean = tf.reduce_mean(iou, axis=-1, keepdims=True)
    freedom = tf.cast(tf.maximum(dimension(iou, -1) - 1, 1), iou.dtype)
    deviation = tf.sqrt(tf.reduce_sum(tf.square(iou - mean), axis=-1, keepdims=True) / freedom)
    x, y = tf.unstack((around[..., :2] + around[..., 2:]) / 2, axis=-1)
    x1, y1, x2, y2 = tf.unstack(boxes[:, :, None], axis=-1)  # [B, n, 1]
    inside = (x > x1) & (x < x2) & (y > y1) & (y < y2)
    positive = tf.where(inside & (iou >= mean + deviation), iou, 0.0)
    return scatter_in_rows(nearest, positive, dimension(anchors, 0))


def _nearest_anchors(anchors, levels, boxes, candidates, runtime):
    """Return, level by level, the anchors whose centres are nearest to those of boxes [B, n, 4]: int32 [B, n, C]."""
    centres = boxes[:, :, None, :2] + boxes[:, :, None, 2:]
    difference = (anchors[:, :2] + anchors[:, 2:] - centres) / 2  # [B, n, A, 2]
    distance = tf.reduce_sum(tf.square(difference), axis=-1)
    nearest, start = [], 0
    for part in tf.split(distance, levels, axis=-1):
        count = at_most(candidates, dimension(part, -1))
        nearest.append(largest_in_rows(-part, count, runtime=runtime)[1] + start)
        start += dimension(part, -1)
    return tf.concat(nearest, axis=-1)
