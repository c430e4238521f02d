"""From what a head predicts to boxes, and from true boxes to what it should predict.

All functions work row by row on any leading dimensions, `anchors`, `points` and `strides` broadcasting against them.
"""

import math

import tensorflow as tf

from detect.ops.compiling import compiled

SIZE_LIMIT = math.log(1000 / 16)  # a box grows at most 62.5-fold: what torchvision and detectron2 use
YOLOX_SIZE_LIMIT = 10.0  # exp(10) strides, far beyond any image
EPSILON = 1e-8


@compiled
def encode_deltas(anchors: tf.Tensor, boxes: tf.Tensor, weights=(1.0, 1.0, 1.0, 1.0)) -> tf.Tensor:
    """Deltas `dx, dy, dw, dh` [..., 4] from anchors [..., 4] to boxes [..., 4] (Girshick et al. 2014, eqs. 6-9).

    Centre offsets in units of the anchor's sides, logarithms of the ratios of the sides; each times its weight.
    Empty boxes give finite values.
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
    """Boxes [..., 4] from anchors and the deltas of `encode_deltas`; log ratios above `clip` are cut to it."""
    anchor_centre, anchor_size = _centre_and_size(anchors)
    shift, ratio = tf.split(deltas, 2, axis=-1)  # before the division: OpenVINO 2026.4 cannot slice quotients in int8
    shift, ratio = (part / tf.constant(by, part.dtype) for part, by in ((shift, weights[:2]), (ratio, weights[2:])))
    centre = anchor_centre + shift * anchor_size
    half = 0.5 * anchor_size * tf.exp(tf.minimum(ratio, clip))
    return tf.concat([centre - half, centre + half], axis=-1)


@compiled
def encode_distances(boxes: tf.Tensor, points: tf.Tensor, strides: tf.Tensor) -> tf.Tensor:
    """Strides [..., 4] from points [..., 2] to left, top, right, bottom of boxes [..., 4] (Tian et al. 2019, eq. 1).

    `strides` [...] in pixels. Negative where the point lies outside.
    """
    return tf.concat([points - boxes[..., :2], boxes[..., 2:] - points], axis=-1) / strides[..., None]


@compiled
def decode_distances(distances: tf.Tensor, points: tf.Tensor, strides: tf.Tensor) -> tf.Tensor:
    """Boxes [..., 4] from points [..., 2] and the distances of `encode_distances`."""
    stride = strides[..., None]  # times halves, not all: OpenVINO 2026.4 slices products wrongly in int8
    return tf.concat([points - distances[..., :2] * stride, points + distances[..., 2:] * stride], axis=-1)


@compiled
def encode_yolox(boxes: tf.Tensor, points: tf.Tensor, strides: tf.Tensor) -> tf.Tensor:
    """What a YOLOX head should predict [..., A, 4] for boxes [..., A, 4]: the targets of its L1 loss.

    `points` [A, 2] are top-left corners of cells (offset 0), `strides` [A]. Empty boxes give finite values.
    """
    centre, size = _centre_and_size(boxes)
    stride = strides[..., None]
    return tf.concat([(centre - points) / stride, tf.math.log(tf.nn.relu(size) / stride + EPSILON)], axis=-1)


@compiled
def decode_yolox(raw: tf.Tensor, points: tf.Tensor, strides: tf.Tensor) -> tf.Tensor:
    """Boxes [..., A, 4] from a YOLOX head's raw values [..., A, 4] (Megvii YOLOX, `yolo_head.py`, `decode_outputs`).

    The centre is the cell's top-left corner plus `raw_xy` strides (there is no half cell), the sides are
    `exp(raw_wh)` strides. `points` [A, 2] with offset 0, `strides` [A]. Differs from the authors' code in that
    sizes stop at exp(10) strides, so that a wild prediction of a young model gives no infinity.
    """
    stride = strides[..., None]
    centre = points + raw[..., :2] * stride
    half = 0.5 * stride * tf.exp(tf.minimum(raw[..., 2:], YOLOX_SIZE_LIMIT))
    return tf.concat([centre - half, centre + half], axis=-1)


def _centre_and_size(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    return (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
