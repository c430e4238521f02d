"""Conversions between boxes and the values that heads predict for them.

All functions work row by row on any leading dimensions, against which `anchors`, `points` and `strides` broadcast.
"""

import math

import tensorflow as tf

from detect.ops.compiling import compiled

SIZE_LIMIT = math.log(1000 / 16)  # a side is at most 62.5 times the anchor's, as in torchvision and detectron2
YOLOX_SIZE_LIMIT = 10.0  # a side is at most exp(10) strides, far more than any image
EPSILON = 1e-8


@compiled
def encode_deltas(anchors: tf.Tensor, boxes: tf.Tensor, weights=(1.0, 1.0, 1.0, 1.0)) -> tf.Tensor:
    """Return the deltas `dx, dy, dw, dh` [..., 4] from anchors [..., 4] to boxes [..., 4].

    They are the offset of the centre, in sides of the anchor, and the logarithms of the ratios of the sides, each
    multiplied by its weight (Girshick et al. 2014, eqs. 6-9). Empty boxes give finite values.
    """
    anchor_centre, anchor_size = _centre_and_size(anchors)
    centre, size = _centre_and_size(boxes)
    anchor_size, size = tf.maximum(anchor_size, EPSILON), tf.maximum(size, EPSILON)
    deltas = [(centre - anchor_centre) / anchor_size, tf.math.log(size / anchor_size)]
    return tf.concat(deltas, axis=-1) * tf.constant(weights, deltas[0].dtype)


@compiled
def decode_deltas(
    anchors: tf.Tensor, deltas: tf.Tensor, weights=(1.0, 1.0, 1.0, 1.0), clip: float = SIZE_LIMIT
) -> tf.Tensor:
    """Return the boxes whose `encode_deltas` are `deltas`.

    Args:
        anchors: [..., 4], pixels.
        deltas: [..., 4].
        weights: of the four deltas, as they were encoded.
        clip: largest logarithm of a ratio of sides; larger ones are clipped to it.

    Returns:
        [..., 4], pixels.
    """
    anchor_centre, anchor_size = _centre_and_size(anchors)
    shift, ratio = tf.split(deltas, 2, axis=-1)  # before dividing: OpenVINO 2026.4 cannot slice quotients in int8
    shift, ratio = (part / tf.constant(by, part.dtype) for part, by in ((shift, weights[:2]), (ratio, weights[2:])))
    centre = anchor_centre + shift * anchor_size
    half = 0.5 * anchor_size * tf.exp(tf.minimum(ratio, clip))
    return tf.concat([centre - half, centre + half], axis=-1)


@compiled
def encode_distances(boxes: tf.Tensor, points: tf.Tensor, strides: tf.Tensor) -> tf.Tensor:
    """Return how far the left, top, right and bottom of boxes are from points, in strides (Tian et al. 2019, eq. 1).

    Args:
        boxes: [..., 4], pixels.
        points: [..., 2], pixels.
        strides: [...], pixels.

    Returns:
        [..., 4]; negative where the point lies beyond that side.
    """
    return tf.concat([points - boxes[..., :2], boxes[..., 2:] - points], axis=-1) / strides[..., None]


@compiled
def decode_distances(distances: tf.Tensor, points: tf.Tensor, strides: tf.Tensor) -> tf.Tensor:
    """Return the boxes [..., 4] whose `encode_distances` from points [..., 2] are `distances` [..., 4]."""
    stride = strides[..., None]  # halves are multiplied, not the whole: OpenVINO 2026.4 slices products wrongly in int8
    return tf.concat([points - distances[..., :2] * stride, points + distances[..., 2:] * stride], axis=-1)


@compiled
def encode_yolox(boxes: tf.Tensor, points: tf.Tensor, strides: tf.Tensor) -> tf.Tensor:
    """Return the values that a YOLOX head should predict for boxes: the targets of its L1 loss.

    Args:
        boxes: [..., A, 4], pixels. Empty boxes give finite values.
        points: [A, 2], the top-left corners of the cells, pixels.
        strides: [A], pixels.

    Returns:
        [..., A, 4], see `decode_yolox`.
    """
    centre, size = _centre_and_size(boxes)
    stride = strides[..., None]
    return tf.concat([(centre - points) / stride, tf.math.log(tf.nn.relu(size) / stride + EPSILON)], axis=-1)


@compiled
def decode_yolox(raw: tf.Tensor, points: tf.Tensor, strides: tf.Tensor) -> tf.Tensor:
    """Return the boxes that a YOLOX head predicts (Megvii YOLOX, `yolo_head.py`, `decode_outputs`).

    The centre of a box is the top-left corner of its cell plus `raw_xy` strides (no half cell is added), its sides are
    `exp(raw_wh)` strides. Unlike in the authors' code, sides are at most exp(10) strides, so that the predictions of an
    untrained model stay finite.

    Args:
        raw: [..., A, 4], the head's raw values.
        points: [A, 2], the top-left corners of the cells, pixels.
        strides: [A], pixels.

    Returns:
        [..., A, 4], pixels.
    """
    stride = strides[..., None]
    centre = points + raw[..., :2] * stride
    half = 0.5 * stride * tf.exp(tf.minimum(raw[..., 2:], YOLOX_SIZE_LIMIT))
    return tf.concat([centre - half, centre + half], axis=-1)


def _centre_and_size(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
