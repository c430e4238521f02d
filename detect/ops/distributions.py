"""Distances of a box's sides as distributions over a few values, whose spacing grows with the distance.

Source: D-FINE (Peng et al., arXiv 2410.13842, section 4.1 and equations 1 and 2). The values and the way from distances
to boxes are those of the authors' code (https://github.com/Peterande/D-FINE, `src/zoo/dfine/dfine_utils.py`,
Apache-2.0), which the published weights fit.

A distribution over n values has n logits; a box has one for each of its sides: left, top, right and bottom. Distances
count from the sides of a reference box, outwards; their unit is the `scale`th part of its width or height.
"""

import numpy as np
import tensorflow as tf

from detect.ops.compiling import compiled


def weighting_values(count: int, reach: float, scale: float) -> np.ndarray:
    """Return the values W(n) that distances may have (equation 2), float32 [count], ascending and odd around 0.

    From 0 to `reach * scale` they grow as powers do, the faster the larger the scale; the last one is twice that.

    Args:
        count: their number, odd: one more than the authors' `reg_max`.
        reach: the last value but one, as a share of the width or height of the reference box: the authors' `up`.
        scale: units in the width or height of the reference box: the authors' `reg_scale`.
    """
    most = reach * scale
    positive = (most + 1) ** (np.arange(1, count // 2) * 2 / (count - 3)) - 1
    positive = np.append(positive, 2 * most)
    return np.concatenate([-positive[::-1], [0], positive]).astype(np.float32)


@compiled
def probabilities_by_side(logits: tf.Tensor, count: int) -> tf.Tensor:
    """Return the probabilities of the values of each side's distribution, float32 [..., 4, n].

    Args:
        logits: [..., 4 * n], those of the four sides one after the other.
        count: n.
    """
    return tf.nn.softmax(tf.reshape(logits, tf.concat([tf.shape(logits)[:-1], [4, count]], axis=0)))


@compiled
def expected_distances(probabilities: tf.Tensor, values: np.ndarray | tf.Tensor) -> tf.Tensor:
    """Return the means of distributions (equation 1): float32 [..., 4].

    Args:
        probabilities: [..., 4, n], see `probabilities_by_side`.
        values: [n], see `weighting_values`.
    """
    return tf.reduce_sum(probabilities * values, axis=-1)


@compiled
def moved_sides(boxes: tf.Tensor, distances: tf.Tensor, scale: float) -> tf.Tensor:
    """Return boxes with their sides moved outwards by `distances` (equation 1).

    Args:
        boxes: [..., 4], see `relative_boxes`.
        distances: [..., 4].
        scale: units in the width or height of a box.
    """
    unit = boxes[..., 2:] / scale
    before, behind = distances[..., :2] * unit, distances[..., 2:] * unit
    return tf.concat([boxes[..., :2] + (behind - before) / 2, boxes[..., 2:] + before + behind], axis=-1)


@compiled
def distances_of(boxes: tf.Tensor, references: tf.Tensor, scale: float) -> tf.Tensor:
    """Return the distances [..., 4] by which `moved_sides` makes `boxes` of `references`, both [..., 4]."""
    unit = references[..., 2:] / scale + 1e-16  # as the authors have it, for references without an extent
    shift, growth = boxes[..., :2] - references[..., :2], (boxes[..., 2:] - references[..., 2:]) / 2
    return tf.concat([(growth - shift) / unit, (growth + shift) / unit], axis=-1)
