"""Areas and overlaps of boxes `x1, y1, x2, y2`, for all pairs or row by row.

Every function accepts any leading dimensions. A box whose corners are in the wrong order has no area and overlaps
nothing. Coordinates are pixels, so EPSILON is an area, or a squared length, far below anything visible.
"""

import math

import tensorflow as tf

from detect.ops.compiling import compiled

EPSILON = 1e-7  # keeps quotients and their gradients finite where both boxes are empty
TINY = 1e-30  # keeps quotients finite whose gradients nobody needs: the boxes may be as small as one likes
FAR = 1e9  # pixels: where boxes that are compared end, so that no area and no gradient overflows


@compiled
def area(boxes: tf.Tensor) -> tf.Tensor:
    """Return the areas [...] of boxes [..., 4], in square pixels."""
    x1, y1, x2, y2 = tf.unstack(boxes, axis=-1)
    return tf.nn.relu(x2 - x1) * tf.nn.relu(y2 - y1)


@compiled
def clip(boxes: tf.Tensor, extents: tf.Tensor) -> tf.Tensor:
    """Return boxes [B, ..., 4] clipped to `extents` [B, 2], the height and width in pixels of each image."""
    limits = tf.gather(extents, [1, 0, 1, 0], axis=1)
    for _ in range(boxes.shape.rank - 2):
        limits = limits[:, None]
    return tf.minimum(tf.nn.relu(boxes), limits)


@compiled
def iou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the intersection over union [..., N, M] in 0..1 of all pairs of `a` [..., N, 4] and `b` [..., M, 4]."""
    overlap, first, second = _intersection(a[..., :, None, :], b[..., None, :, :])
    return overlap / tf.maximum(first + second - overlap, TINY)


@compiled
def intersection_over_area(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the share [..., N, M] in 0..1 of each box of `a` [..., N, 4] that each box of `b` [..., M, 4] covers."""
    overlap, first, _ = _intersection(a[..., :, None, :], b[..., None, :, :])
    return overlap / tf.maximum(first, EPSILON)


@compiled
def paired_iou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the intersection over union [...] in 0..1 of `a` [..., 4] and `b` [..., 4], row by row."""
    a, b = _within_reach(a), _within_reach(b)
    overlap, first, second = _intersection(a, b)
    return overlap / tf.maximum(first + second - overlap, EPSILON)


@compiled
def giou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the generalised IoU [...] in -1..1 of boxes [..., 4], row by row (Rezatofighi et al. 2019, algorithm 1).

    It is the IoU minus the share of the smallest enclosing box that neither box covers.
    """
    a, b = _within_reach(a), _within_reach(b)
    overlap, first, second = _intersection(a, b)
    union = first + second - overlap
    width, height = _enclosing_sides(a, b)
    enclosing = width * height
    return overlap / tf.maximum(union, EPSILON) - (enclosing - union) / tf.maximum(enclosing, EPSILON)


@compiled
def diou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the distance IoU [...] in -1..1 of boxes [..., 4], row by row (Zheng et al. 2020, eq. 7, as a similarity).

    It is the IoU minus the squared distance of the centres over the squared diagonal of the smallest enclosing box.
    """
    a, b = _within_reach(a), _within_reach(b)
    width, height = _enclosing_sides(a, b)
    offset = ((a[..., :2] - b[..., :2]) + (a[..., 2:] - b[..., 2:])) / 2  # exactly 0 for equal boxes, however large
    distance = tf.reduce_sum(tf.square(offset), axis=-1)
    return paired_iou(a, b) - distance / tf.maximum(tf.square(width) + tf.square(height), EPSILON)


@compiled
def ciou(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Return the complete IoU [...] of boxes [..., 4], row by row (Zheng et al. 2020, eqs. 8-11, as a similarity).

    It is the distance IoU minus `alpha * v`, where v compares the aspect ratios. No gradient flows through alpha.
    """
    a, b = _within_reach(a), _within_reach(b)
    v = 4 / math.pi**2 * tf.square(_diagonal_angle(a) - _diagonal_angle(b))
    alpha = tf.stop_gradient(v / tf.maximum(1 - paired_iou(a, b) + v, EPSILON))
    return diou(a, b) - alpha * v


def _intersection(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the areas of the intersection, of `a` and of `b`.

    Computed coordinate by coordinate, so that no tensor [..., N, M, 4] is needed.
    """
    ax1, ay1, ax2, ay2 = tf.unstack(a, axis=-1)
    bx1, by1, bx2, by2 = tf.unstack(b, axis=-1)
    width = tf.nn.relu(tf.minimum(ax2, bx2) - tf.maximum(ax1, bx1))
    height = tf.nn.relu(tf.minimum(ay2, by2) - tf.maximum(ay1, by1))
    return width * height, area(a), area(b)


def _within_reach(boxes: tf.Tensor) -> tf.Tensor:
    return tf.clip_by_value(boxes, -FAR, FAR)


def _enclosing_sides(a: tf.Tensor, b: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    ax1, ay1, ax2, ay2 = tf.unstack(a, axis=-1)
    bx1, by1, bx2, by2 = tf.unstack(b, axis=-1)
    width = tf.maximum(ax2, bx2) - tf.minimum(ax1, bx1)
    height = tf.maximum(ay2, by2) - tf.minimum(ay1, by1)
    return tf.nn.relu(width), tf.nn.relu(height)


def _diagonal_angle(boxes: tf.Tensor) -> tf.Tensor:
    x1, y1, x2, y2 = tf.unstack(boxes, axis=-1)
    # arctan(w / h). A height of 0 would make the quotient infinite and its gradient NaN.
    return tf.math.atan(tf.nn.relu(x2 - x1) / tf.maximum(y2 - y1, EPSILON))
