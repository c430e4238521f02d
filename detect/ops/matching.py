"""Matching of anchors to true boxes by their intersection over union (IoU)."""

from typing import NamedTuple

import tensorflow as tf

from detect.ops.boxes import EPSILON, area
from detect.ops.compiling import Runtime, compiled, dimension, fused, materialized, on_accelerator
from detect.ops.visiting import visit_boxes, with_spare_row

NEGATIVE = -1  # background
NEITHER = -2  # not part of the loss
INFINITE = float("inf")
GROUP = 20  # true boxes of which XLA finds the largest IoU in a loop, without a tree of partial results
SPAN = 2**31  # more than the number of true boxes
TIE = 1 - 1e-6  # IoUs of this ratio are equal: compilers may round the same sum differently in two places


class Matches(NamedTuple):
    """The true box of each anchor."""

    indices: tf.Tensor  # int32 [B, A]: a true box 0..N-1, NEGATIVE, or NEITHER
    ious: tf.Tensor  # float32 [B, A]: the best IoU with a true box, 0 where there is none


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
    runtime: Runtime = "local",
) -> Matches:
    """Match anchors to true boxes by IoU thresholds (Ren et al. 2015, 3.1.2). No gradient flows.

    An anchor is matched to its best true box, the first of equals, if their IoU is `foreground` or more; it is negative
    if the IoU is below `background`, and neither in between. With `low_quality`, the anchors that overlap a true box
    most are positive too, and matched to their own best box, which can be another one (torchvision, `Matcher`; there, a
    true box that does not overlap any anchor makes all anchors positive, here none). Without true boxes, all anchors
    are negative or neither.

    Args:
        anchors: float32 [A, 4], shared by all images, or [B, A, 4], pixels.
        boxes: float32 [B, N, 4], pixels.
        labels: int32 [B, N], -1 in padded rows, which never match.
        ignore: bool [B, N], regions that do not match; anchors with more than half their area in one are neither unless
            they are positive.
        foreground: least IoU of a positive anchor.
        background: IoU below which an anchor is negative.
        low_quality: whether the best anchors of a true box are positive whatever their IoU.
        runtime: what will run it.

    Returns:
        The `Matches` of the A anchors of each image.
    """
    anchors, boxes = tf.stop_gradient(anchors), tf.stop_gradient(boxes)
    best, index, leads_for, ignored = _see_boxes(anchors, boxes, labels, ignore, runtime)
    positive = best >= foreground
    if low_quality:
        positive |= leads_for >= 0
    negative = (best < background) & ~ignored
    return Matches(tf.where(positive, index, tf.where(negative, NEGATIVE, NEITHER)), best)


@fused
def match_default_boxes(
    anchors: tf.Tensor,
    boxes: tf.Tensor,
    labels: tf.Tensor,
    ignore: tf.Tensor,
    *,
    foreground: float = 0.5,
    runtime: Runtime = "local",
) -> Matches:
    """Match default boxes to true boxes as in SSD (Liu et al. 2016, 2.2). No gradient flows.

    Every true box takes the default box that overlaps it most, the first of equals; of several true boxes with the same
    one, the last has it (torchvision, `SSDMatcher`; there, a true box that does not overlap any default box takes the
    first, here none). Every other default box is matched to its best true box, the first of equals, if their IoU is
    `foreground` or more. The rest is negative, or neither in ignored regions.

    Args:
        anchors: the default boxes, as in `match_by_iou`.
        boxes: as in `match_by_iou`.
        labels: as in `match_by_iou`.
        ignore: as in `match_by_iou`.
        foreground: least IoU of a positive default box that is not the best of a true box.
        runtime: what will run it.

    Returns:
        The `Matches` of the A default boxes of each image.
    """
    anchors, boxes = tf.stop_gradient(anchors), tf.stop_gradient(boxes)
    best, index, leads_for, ignored = _see_boxes(anchors, boxes, labels, ignore, runtime, sole_leader=True)
    index = tf.where(leads_for >= 0, leads_for, tf.where(best >= foreground, index, NEGATIVE))
    return Matches(tf.where((index < 0) & ignored, NEITHER, index), best)


@fused
def match_bipartite(anchors: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor, ignore: tf.Tensor) -> Matches:
    """Match each true box to one anchor of its own, greedily by IoU. No gradient flows.

    The pair with the largest IoU of all remaining pairs is matched, the first box of equals with its first anchor,
    until no pair overlaps. (This is what the code of SSD's authors does; MultiBox, Erhan et al. 2014, to which their
    paper refers, maximises the sum.) All other anchors are negative, or neither in ignored regions.

    The best IoU of a box with the remaining anchors can only fall. So the box with the best promise is examined again,
    and matched if it is still the best. Each box is examined once or twice, rarely more, and no tensor [B, N, A] is
    needed.

    Args:
        anchors: as in `match_by_iou`.
        boxes: as in `match_by_iou`.
        labels: as in `match_by_iou`.
        ignore: as in `match_by_iou`.

    Returns:
        The `Matches` of the A anchors of each image.
    """
    anchors = tf.stop_gradient(anchors)
    boxes, labels, ignore = with_spare_row(tf.stop_gradient(boxes), labels, ignore)
    real, size = (labels >= 0) & ~ignore, area(anchors)
    position, row = tf.range(dimension(anchors, -2)), tf.range(dimension(labels, 1))

    def look(promise, best, index, ignored):
        n = tf.argmax(promise, axis=1, output_type=tf.int32)[:, None]  # [B, 1]
        box, is_real, is_ignored = (tf.gather(rows, n, axis=1, batch_dims=1) for rows in (boxes, real, ignore))
        iou, overlap = _overlaps(anchors, size, box)
        iou = tf.where(is_real, iou, 0.0)  # [B, A]
        left = tf.where(index < 0, iou, 0.0)
        most = tf.reduce_max(left, axis=1, keepdims=True)
        looked = (row == n) & (promise > 0)  # nothing in an image that is done before others
        promise = tf.where(looked, most, promise)
        leads = tf.argmax(promise, axis=1, output_type=tf.int32)[:, None] == n
        wins = looked & (promise > 0) & leads  # [B, N]
        takes = tf.reduce_any(wins, axis=1, keepdims=True) & (position == _first(left >= TIE * most))
        ignored |= is_ignored & (overlap > 0.5 * size)
        return tf.where(wins, 0.0, promise), tf.maximum(best, iou), tf.where(takes, n, index), ignored

    best = tf.zeros([dimension(boxes, 0), dimension(anchors, -2)])
    start = tf.where(real | ignore, INFINITE, 0.0), best, tf.fill(tf.shape(best), NEGATIVE), best > 0
    _, best, index, ignored = tf.while_loop(lambda promise, *_: tf.reduce_any(promise > 0), look, start)
    return Matches(tf.where((index < 0) & ignored, NEITHER, index), best)


@compiled
def gather_rows(values: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Return the rows [B, A, ...] of `values` [B, N, ...] at `indices` [B, A]; zeros where an index is negative."""
    shape = tf.concat([tf.shape(values)[:1], [1], tf.shape(values)[2:]], axis=0)
    values = tf.concat([tf.zeros(shape, values.dtype), values], axis=1)  # so that there is a row even if N is 0
    return tf.gather(values, tf.maximum(indices + 1, 0), batch_dims=1)


def _see_boxes(anchors, boxes, labels, ignore, runtime, sole_leader=False):
    """Return what matching needs to know of every anchor, [B, A] each.

    That is its best IoU; the true box of it; the last true box that no anchor overlaps more, or -1; and whether it lies
    in an ignored region. With `sole_leader`, only the first of the anchors that overlap a box most counts.
    """
    position = tf.range(dimension(anchors, -2))
    each = anchors if anchors.shape.rank == 2 else anchors[:, None]  # [A, 4] or [B, 1, A, 4]
    size = area(each)

    def visit(numbers, boxes, labels, real, ignored, *known):
        iou = tf.where(real, _overlaps(each, size, boxes[:, :, None])[0], 0.0)  # [B, n, A]
        least = TIE * tf.reduce_max(iou, axis=-1, keepdims=True)
        if sole_leader:
            first = _first((iou > 0) & (iou >= least))
        if on_accelerator(runtime):
            least = materialized(least)
        # In small groups, whose IoUs an accelerator computes again, which is faster than to write and read them.
        for start in range(0, numbers.shape[0], GROUP):
            rows = slice(start, min(start + GROUP, numbers.shape[0]))
            iou, overlap = _overlaps(each, size, boxes[:, rows, None])
            iou = tf.where(real[:, rows], iou, 0.0)
            leads = position == first[:, rows] if sole_leader else (iou > 0) & (iou >= least[:, rows])
            overlap = tf.where(ignored[:, rows], overlap, 0.0)
            known = see(numbers[rows], iou, leads, overlap, *known)
        return known

    def see(numbers, iou, leads, ignored_overlap, best, index, leads_for, in_ignored):
        most, which = _best_of(iou)
        index = tf.where(most > best, numbers[0] + which, index)
        leads_for = tf.maximum(leads_for, tf.reduce_max(tf.where(leads, numbers[:, None], -1), axis=1))
        in_ignored |= tf.reduce_max(ignored_overlap, axis=1) > 0.5 * area(anchors)
        return tf.maximum(best, most), index, leads_for, in_ignored

    shape = [dimension(boxes, 0), dimension(anchors, -2)]
    start = tf.zeros(shape), tf.zeros(shape, tf.int32), tf.fill(shape, -1), tf.zeros(shape, tf.bool)
    return visit_boxes(visit, start, boxes, labels, ignore, runtime=runtime)


def _best_of(ious):
    """Return the largest of `ious` [B, n, A] along the second axis, and the first position of it: [B, A] each.

    Both are in one integer, of which XLA finds the largest in the same loop as other maxima; it has no such loop for
    `argmax`.
    """
    count = dimension(ious, 1)
    bits = tf.cast(tf.bitcast(ious, tf.int32), tf.int64)  # in the order of the numbers, none of which is negative
    best = tf.reduce_max(bits * SPAN + tf.cast(tf.range(count - 1, -1, -1), tf.int64)[:, None], axis=1)
    return tf.bitcast(tf.cast(best // SPAN, tf.int32), tf.float32), count - 1 - tf.cast(best % SPAN, tf.int32)


def _overlaps(anchors, size, box):
    """Return the IoU and common area [..., A] of anchors [..., A, 4], of areas `size`, with a box [..., 1, 4]."""
    ax1, ay1, ax2, ay2 = tf.unstack(anchors, axis=-1)  # [..., A]
    x1, y1, x2, y2 = tf.unstack(box, axis=-1)  # [..., 1]
    width = tf.nn.relu(tf.minimum(ax2, x2) - tf.maximum(ax1, x1))
    overlap = width * tf.nn.relu(tf.minimum(ay2, y2) - tf.maximum(ay1, y1))
    return overlap / tf.maximum(size + area(box) - overlap, EPSILON), overlap


def _first(marks):
    """Return the position [..., 1] of the first mark of each row [..., A]; A where there is none."""
    length = dimension(marks, -1)
    return tf.reduce_min(tf.where(marks, tf.range(length), length), axis=-1, keepdims=True)
