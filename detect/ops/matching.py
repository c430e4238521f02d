"""Which true box each anchor answers for, by overlap.

True boxes are visited one after the other and every anchor remembers its best, so that memory grows with B * A, not
with B * N * A, and time with the boxes that are there, not with the padding.
"""

from typing import NamedTuple

import tensorflow as tf

from detect.ops.boxes import EPSILON, area
from detect.ops.compiling import compiled, dimension, fused

NEGATIVE = -1
NEITHER = -2
TIE = 1 - 1e-6  # overlaps this close are equal: compilers round the same sum differently in two places


class Matches(NamedTuple):
    """What each anchor was matched to."""

    indices: tf.Tensor  # int32 [B, A]: a true box 0..N-1, NEGATIVE, or NEITHER (no part of the loss)
    ious: tf.Tensor  # float32 [B, A]: the best overlap with a true box, 0 where there is none


@fused
def match_by_iou(
    anchors: tf.Tensor,
    boxes: tf.Tensor,
    labels: tf.Tensor,
    ignore: tf.Tensor,
    *,
    foreground: float = 0.5,
    background: float = 0.4,
    low_quality: bool = True,
) -> Matches:
    """Match anchors [A, 4] or [B, A, 4] to true boxes [B, N, 4] by intersection over union (Ren et al. 2015, 3.1.2).

    An anchor takes its best true box, the first of equals, where they overlap by `foreground` or more; it is negative
    below `background` and neither in between. With `low_quality`, every anchor that no anchor beats for some true box
    is positive as well; it answers for its own best box, which can be another one (torchvision, `Matcher`; there, a
    true box that overlaps no anchor makes all anchors positive, here none).

    `labels` [B, N] are -1 in padded rows, which never match. Nor do boxes that `ignore` [B, N] marks: anchors with more
    than half their area in one of them are neither, unless positive. Without true boxes all are negative or neither.
    No gradient flows.
    """
    targets = with_spare_row(tf.stop_gradient(boxes), labels, ignore)
    best, index, leading, ignored = _visit_boxes(tf.stop_gradient(anchors), *targets)
    positive = best >= foreground
    if low_quality:
        positive |= leading
    negative = (best < background) & ~ignored
    return Matches(tf.where(positive, index, tf.where(negative, NEGATIVE, NEITHER)), best)


@compiled
def gather_rows(values: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """The row [B, A, ...] of `values` [B, N, ...] that each of `indices` [B, A] names; zeros where it is negative."""
    shape = tf.concat([tf.shape(values)[:1], [1], tf.shape(values)[2:]], axis=0)
    values = tf.concat([tf.zeros(shape, values.dtype), values], axis=1)  # so that there is a row even if N is 0
    return tf.gather(values, tf.maximum(indices + 1, 0), batch_dims=1)


def with_spare_row(boxes: tf.Tensor, labels: tf.Tensor, ignore: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The true boxes of a batch with one padded row more: XLA refuses a loop over rows where there are none."""
    rows = [[0, 0], [0, 1]]
    return tf.pad(boxes, [*rows, [0, 0]]), tf.pad(labels, rows, constant_values=-1), tf.pad(ignore, rows)


def used_rows(labels: tf.Tensor, ignore: tf.Tensor) -> tf.Tensor:
    """How many rows of `labels` [B, N] have to be visited: those up to the last that is no padding in some image."""
    used = tf.reduce_any((labels >= 0) | ignore, axis=0)
    return tf.reduce_max(tf.where(used, tf.range(1, dimension(labels, 1) + 1), 0))


def _visit_boxes(anchors, boxes, labels, ignore):
    """Every anchor's best overlap and box, whether it leads for some box, and whether it lies in an ignored region."""
    ax1, ay1, ax2, ay2 = tf.unstack(anchors, axis=-1)  # [A] or [B, A]
    anchor_area = area(anchors)
    real = (labels >= 0) & ~ignore

    def visit(n, best, index, leading, ignored):
        box, is_real, is_ignored = (tf.gather(rows, [n], axis=1) for rows in (boxes, real, ignore))
        x1, y1, x2, y2 = tf.unstack(box, axis=-1)  # [B, 1]
        width = tf.nn.relu(tf.minimum(ax2, x2) - tf.maximum(ax1, x1))
        overlap = width * tf.nn.relu(tf.minimum(ay2, y2) - tf.maximum(ay1, y1))  # [B, A]
        iou = overlap / tf.maximum(anchor_area + area(box) - overlap, EPSILON)
        iou = tf.where(is_real, iou, 0.0)
        leading |= (iou > 0) & (iou >= TIE * tf.reduce_max(iou, axis=1, keepdims=True))
        ignored |= is_ignored & (overlap > 0.5 * anchor_area)
        return n + 1, tf.maximum(best, iou), tf.where(iou > best, n, index), leading, ignored

    shape = [dimension(boxes, 0), dimension(anchors, -2)]
    nothing = tf.zeros(shape, tf.bool)
    start = (0, tf.zeros(shape), tf.zeros(shape, tf.int32), nothing, nothing)
    used = used_rows(labels, ignore)
    return tf.while_loop(lambda n, *_: n < used, visit, start)[1:]
