"""Areas and overlaps of boxes `x1, y1, x2, y2`, pairwise and row by row.

Every function accepts any leading dimensions. A box whose sides are in the wrong order has no area and overlaps
nothing. Coordinates are pixels, so EPSILON is an area, or a squared length, far below anything that can be seen.
"""

import math

import tensorflow as tf

from detect.ops.compiling import compiled

EPSILON = 1e-7  # keeps quotients and their gradients finite where both boxes are empty


@compiled
def area(boxes: tf.Tensor) -> tf.Tensor:
    """Areas [...] in square pixels of boxes [..., 4]."""
    x1, y1, x2, y2 = tf.unstack(boxes, axis=-1)
    return tf.nn.relu(x2 - x1) * tf.nn.relu(y2 - y1)


@compiled
def clip(boxes: tf.Tensor, extents: tf.Tensor) -> tf.Tensor:
    """Boxes [B, ..., 4] cut to pictures of `extents` [B, 2], their heights and widths in pixels."""
    limits = tf.gather(extents, [1, 0, 1, 0], axis=1)
    for _ in range(boxes.shape.rank - 2):
        limits = limits[:, None]
    return tf.minimum(tf.nn.relu(boxes), limits)


@compiled
def iou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Intersection over union [..., N, M] in 0..1 of all pairs of `a` [..., N, 4] and `b` [..., M, 4]."""
    overlap, first, second = _intersection(a[..., :, None, :], b[..., None, :, :])
    return overlap / tf.maximum(first + second - overlap, EPSILON)


@compiled
def intersection_over_area(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """The share [..., N, M] of each box of `a` [..., N, 4] that lies within each box of `b` [..., M, 4]."""
    overlap, first, _ = _intersection(a[..., :, None, :], b[..., None, :, :])
    return overlap / tf.maximum(first, EPSILON)


@compiled
def paired_iou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Intersection over union [...] in 0..1, row by row, of `a` [..., 4] and `b` [..., 4]."""
    overlap, first, second = _intersection(a, b)
    return overlap / tf.maximum(first + second - overlap, EPSILON)


@compiled
def giou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Generalised IoU [...] in -1..1, row by row (Rezatofighi et al. 2019, algorithm 1).

    IoU less the share of the smallest enclosing box that neither box covers.
    """
    overlap, first, second = _intersection(a, b)
    union = first + second - overlap
    width, height = _enclosing_sides(a, b)
    enclosing = width * height
    return overlap / tf.maximum(union, EPSILON) - (enclosing - union) / tf.maximum(enclosing, EPSILON)


@compiled
def diou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Distance IoU [...] in -1..1, row by row (Zheng et al. 2020, eq. 7, as a similarity).

    IoU less the squared distance of the centres over the squared diagonal of the smallest enclosing box.
    """
    width, height = _enclosing_sides(a, b)
    offset = ((a[..., :2] - b[..., :2]) + (a[..., 2:] - b[..., 2:])) / 2  # exactly 0 for equal boxes, however large
    distance = tf.reduce_sum(tf.square(offset), axis=-1)
    return paired_iou(a, b) - distance / tf.maximum(tf.square(width) + tf.square(height), EPSILON)


@compiled
def ciou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Complete IoU [...], row by row (Zheng et al. 2020, eqs. 8-11, as a similarity).

    Distance IoU less `alpha * v`: v compares the aspect ratios, alpha weighs it, without a gradient.
    """
    v = 4 / math.pi**2 * tf.square(_diagonal_angle(a) - _diagonal_angle(b))
    alpha = tf.stop_gradient(v / tf.maximum(1 - paired_iou(a, b) + v, EPSILON))
    return diou(a, b) - alpha * v


def _intersection(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Areas of the intersection, of `a` and of `b`; coordinate by coordinate, so that no [..., N, M, 4] is made."""
    ax1, ay1, ax2, ay2 = tf.unstack(a, axis=-1)
    bx1, by1, bx2, by2 = tf.unstack(b, axis=-1)
    width = tf.nn.relu(tf.minimum(ax2, bx2) - tf.maximum(ax1, bx1))
    height = tf.nn.relu(tf.minimum(ay2, by2) - tf.maximum(ay1, by1))
    return width * height, area(a), area(b)


def _enclosing_sides(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    ax1, ay1, ax2, ay2 = tf.unstack(a, axis=-1)
    bx1, by1, bx2, by2 = tf.unstack(b, axis=-1)
    width = tf.maximum(ax2, bx2) - tf.minimum(ax1, bx1)
    height = tf.maximum(ay2, by2) - tf.minimum(ay1, by1)
    return tf.nn.relu(width), tf.nn.relu(height)


def _diagonal_angle(boxes: tf.Tensor) -> tf.Tensor:
    x1, y1, x2, y2 = tf.unstack(boxes, axis=-1)
    # arctan(w / h); a height of 0 would give an infinite quotient and a gradient that is not a number.
    return tf.math.atan(tf.nn.relu(x2 - x1) / tf.maximum(y2 - y1, EPSILON))
