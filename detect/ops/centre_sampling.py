"""Assignment of points to true boxes by position: FCOS (Tian et al. 2019, arXiv 1904.01355, sections 3.1 and 3.2)."""

from typing import NamedTuple

import tensorflow as tf

from detect.ops.boxes import EPSILON, area
from detect.ops.compiling import Runtime, compiled, dimension, fused
from detect.ops.matching import NEGATIVE, NEITHER
from detect.ops.visiting import visit_boxes


class PointMatches(NamedTuple):
    """The true box of each point."""

    indices: tf.Tensor  # int32 [B, A]: a true box 0..N-1, NEGATIVE, or NEITHER (not part of the loss)


@fused
def assign_points(
    points: tf.Tensor,
    strides: tf.Tensor,
    ranges: tf.Tensor,
    boxes: tf.Tensor,
    labels: tf.Tensor,
    ignore: tf.Tensor,
    *,
    radius: float = 1.5,
    runtime: Runtime = "local",
) -> PointMatches:
    """Assign points to true boxes. No gradient flows.

    A point is positive if it lies within a true box, near its centre, and if its level is for boxes of that size. Of
    several boxes it learns the one with the smallest area, the first of equals. The border of a box is outside. A box
    whose size is the limit of two levels belongs to both, as in the authors' code; in torchvision to neither.

    Args:
        points: float32 [A, 2], pixels.
        strides: float32 [A], pixels.
        ranges: float32 [A, 2], for each point the least and largest distance to the farthest side of a box, both
            included, for which its level is, pixels. The limits of the paper are 0, 64, 128, 256, 512 and infinity for
            levels 3 to 7.
        boxes: float32 [B, N, 4], pixels.
        labels: int32 [B, N], -1 in padded rows, which never match.
        ignore: bool [B, N], regions that do not match; points inside are `NEITHER` unless they are positive.
        radius: largest distance of a point from the centre of a box, in x and in y, in strides; infinity for anywhere
            within the box, as in the first version of the paper.
        runtime: what will run it.

    Returns:
        The `PointMatches` of the A points of each image.
    """
    x, y = tf.unstack(points, axis=-1)  # [A]
    least, most = tf.unstack(ranges, axis=-1)
    reach = strides * radius

    def visit(numbers, boxes, labels, real, ignored, smallest, index, in_ignored):
        x1, y1, x2, y2 = tf.unstack(boxes[:, :, None], axis=-1)  # [B, n, 1]
        left, top, right, bottom = x - x1, y - y1, x2 - x, y2 - y  # [B, n, A]
        inside = tf.minimum(tf.minimum(left, right), tf.minimum(top, bottom)) > 0
        near = tf.maximum(tf.abs(left - right), tf.abs(top - bottom)) < 2 * reach
        farthest = tf.maximum(tf.maximum(left, right), tf.maximum(top, bottom))
        matches = real & inside & near & (farthest >= least) & (farthest <= most)
        size = tf.where(matches, area(boxes)[..., None], float("inf"))
        least_size = tf.reduce_min(size, axis=1)
        index = tf.where(least_size < smallest, tf.gather(numbers, tf.argmin(size, axis=1)), index)
        return tf.minimum(smallest, least_size), index, in_ignored | tf.reduce_any(ignored & inside, axis=1)

    shape = [dimension(boxes, 0), dimension(points, 0)]
    start = tf.fill(shape, float("inf")), tf.fill(shape, NEGATIVE), tf.zeros(shape, tf.bool)
    _, index, ignored = visit_boxes(visit, start, tf.stop_gradient(boxes), labels, ignore, runtime=runtime)
    return PointMatches(tf.where((index == NEGATIVE) & ignored, NEITHER, index))


@compiled
def centreness(distances: tf.Tensor) -> tf.Tensor:
    """Return the centre-ness [...] in 0..1 of points with `distances` [..., 4] to left, top, right and bottom (eq. 3).

    It is the square root of `min(left, right) / max(left, right)` times the same of top and bottom; 0 on a border and
    outside.
    """
    left, top, right, bottom = tf.unstack(tf.nn.relu(distances), axis=-1)
    across = tf.minimum(left, right) / tf.maximum(tf.maximum(left, right), EPSILON)
    return tf.sqrt(across * tf.minimum(top, bottom) / tf.maximum(tf.maximum(top, bottom), EPSILON))
