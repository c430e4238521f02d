"""Boxes as transformers predict them: centre x, centre y, width and height, as shares of the image's sides.

They are float32 [..., 4] whatever the precision of the network, and stay within it: `to_pixels` is the way out.
"""

import tensorflow as tf

from detect.ops.compiling import compiled

LEAST = 1e-5  # of what `logit` takes for a probability, as in the code of DETR's successors


@compiled
def to_corners(boxes: tf.Tensor) -> tf.Tensor:
    """Return boxes [..., 4] as `x1, y1, x2, y2`, still as shares of the sides."""
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return tf.concat([centre - half, centre + half], axis=-1)


@compiled
def from_corners(corners: tf.Tensor) -> tf.Tensor:
    """Return boxes [..., 4], from `x1, y1, x2, y2` as shares of the sides."""
    low, high = corners[..., :2], corners[..., 2:]
    return tf.concat([(low + high) / 2, high - low], axis=-1)


@compiled
def to_pixels(boxes: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Return boxes [..., 4] as `x1, y1, x2, y2` in pixels of an image of this height and width."""
    return to_corners(boxes) * tf.constant([width, height, width, height], tf.float32)


@compiled
def from_pixels(boxes: tf.Tensor, height: int, width: int) -> tf.Tensor:
    """Return boxes [..., 4], from `x1, y1, x2, y2` in pixels of an image of this height and width."""
    return from_corners(boxes / tf.constant([width, height, width, height], tf.float32))


@compiled
def logit(probabilities: tf.Tensor) -> tf.Tensor:
    """Return the numbers whose sigmoids these are; those nearer than `LEAST` to 0 or 1 count as `LEAST` from them."""
    certain = tf.clip_by_value(probabilities, 0.0, 1.0)
    return tf.math.log(tf.maximum(certain, LEAST) / tf.maximum(1 - certain, LEAST))
