"""Suppression that lowers the scores of overlapping boxes instead of dropping them: soft-NMS and matrix NMS.

Both work within each class, on the same candidates as `non_maximum_suppression`, with operations that XLA knows.
"""

import tensorflow as tf

from detect.ops.boxes import EPSILON
from detect.ops.boxes import iou as pairwise_iou
from detect.ops.candidates import best_pairs, check_at_least_one
from detect.ops.compiling import Runtime, at_most, compiled, dimension, fused
from detect.ops.matching import gather_rows
from detect.structures import Detections


@compiled
def soft_nms(
    boxes: tf.Tensor,
    scores: tf.Tensor,
    *,
    confidence,
    max_detections: int,
    candidates: int,
    sigma: float = 0.5,
    halved: bool = False,
    levels: tuple[int, ...] | None = None,
    runtime: Runtime = "local",
) -> Detections:
    """Return the best boxes of each image after soft-NMS with the Gaussian penalty, within each class.

    Source: Bodla et al. 2017, arXiv 1704.04503, eq. 3. The best box is taken; every other box of its class has its
    score multiplied by `exp(-IoU ** 2 / sigma)`; and so on. Equal scores rank by box, then by class. Published
    EfficientDets are scored with 5,000 candidates, a confidence of 0.001, a sigma of 0.5 and no half (google/automl,
    `efficientdet/tf2/postprocess.py`).

    Args:
        boxes: float32 [B, A, 4], shared by the classes, or [B, A, K, 4], one for each class.
        scores: float32 [B, A, K] in 0..1.
        confidence: scores have to be above this, before and after they are lowered; float or scalar tensor.
        max_detections: D.
        candidates: how many (box, class) pairs of an image enter, the best by score; for each level where there are
            `levels`.
        sigma: the smaller, the harder the penalty.
        halved: whether the exponent is `-IoU ** 2 / (2 * sigma)`, as in TensorFlow's kernel `NonMaxSuppressionV5`.
        levels: how many of the A boxes each pyramid level has.
        runtime: what will run it.

    Returns:
        D rows per image, the best lowered score first, padded with zeros and the label -1.
    """
    check_at_least_one(max_detections)
    boxes, scores, labels = best_pairs(boxes, scores, candidates, levels, confidence, runtime=runtime)
    scores = tf.where(scores > confidence, scores, 0.0)
    scale, least = tf.constant(-0.5 / sigma if halved else -1 / sigma), tf.cast(confidence, tf.float32)
    rows, scores = _take_one_by_one(boxes, scores, labels, least, scale, max_detections, runtime=runtime)
    return Detections(gather_rows(boxes, rows), scores, gather_rows(labels + 1, rows) - 1)


@compiled
def matrix_nms(
    boxes: tf.Tensor,
    scores: tf.Tensor,
    *,
    confidence,
    max_detections: int,
    candidates: int,
    sigma: float | None = 0.5,
    levels: tuple[int, ...] | None = None,
    runtime: Runtime = "local",
) -> Detections:
    """Return the best boxes of each image after matrix NMS, which lowers all scores of a class at once.

    Source: Wang et al. 2020, SOLOv2, arXiv 2003.10152, section 3.3. A box j is penalised by every better box i of its
    class with `f(IoU_ij)`, divided by the penalty `f(IoU_i)` that i itself got from the box that it overlaps most among
    those better than i: `decay_j = min_i f(IoU_ij) / f(IoU_i)`.

    Args:
        boxes: float32 [B, A, 4], shared by the classes, or [B, A, K, 4], one for each class.
        scores: float32 [B, A, K] in 0..1.
        confidence: scores have to be above this, before and after they are lowered; float or scalar tensor.
        max_detections: D.
        candidates: how many (box, class) pairs of an image enter, the best by score; for each level where there are
            `levels`.
        sigma: f is `exp(-IoU ** 2 / sigma)`, as in the paper; the authors' code multiplies by a sigma of 2 instead.
            None takes the linear `1 - IoU`.
        levels: how many of the A boxes each pyramid level has.
        runtime: what will run it.

    Returns:
        D rows per image, the best lowered score first, padded with zeros and the label -1. Equal scores rank by the
        score before, by box and by class.
    """
    check_at_least_one(max_detections)
    boxes, scores, labels = best_pairs(boxes, scores, candidates, levels, confidence, runtime=runtime)
    alive = scores > confidence
    scores = tf.where(alive, scores * _matrix_decay(boxes, alive, labels, sigma, runtime=runtime), 0.0)
    values, rows = tf.math.top_k(scores, at_most(max_detections, dimension(scores, 1)))
    rows = tf.where(values > confidence, rows, -1)
    rows = tf.pad(rows, [[0, 0], [0, max_detections - dimension(rows, 1)]], constant_values=-1)
    labels = gather_rows(labels + 1, rows) - 1
    return Detections(gather_rows(boxes, rows), gather_rows(scores, rows), labels)


@fused
def _take_one_by_one(boxes, scores, labels, confidence, scale, most, *, runtime):
    """Return the rows [B, most] of the boxes in the order in which they are taken, padded with -1, and their scores.

    Classes do not touch each other, so one loop for all of them, the best box of any class first, takes the boxes of
    each class in their own order, and ends as soon as there are enough. `fused` reads `runtime`.
    """
    length = dimension(scores, 1)
    positions, columns = tf.range(length), tf.range(most)

    def visit(n, scores, rows, values):
        best = tf.reduce_max(scores, axis=1, keepdims=True)  # [B, 1]
        row = tf.reduce_min(tf.where(scores == best, positions, length), axis=1, keepdims=True)  # first of equals
        valid = (best > confidence) & (best > 0)
        rows = tf.where(columns == n, tf.where(valid, row, -1), rows)
        values = tf.where(columns == n, tf.where(valid, best, 0.0), values)
        box, label = tf.gather(boxes, row, batch_dims=1), tf.gather(labels, row, batch_dims=1)
        penalty = tf.exp(scale * tf.square(pairwise_iou(boxes, box)[..., 0]))
        scores = tf.where(labels == label, scores * penalty, scores)
        return n + 1, tf.where(positions == row, 0.0, scores), rows, values

    def unfinished(n, scores, *_):
        return (n < most) & tf.reduce_any((scores > confidence) & (scores > 0))

    count = dimension(scores, 0)
    start = (0, scores, tf.fill([count, most], -1), tf.zeros([count, most]))
    return tf.while_loop(unfinished, visit, start)[2:]


@fused
def _matrix_decay(boxes, alive, labels, sigma, *, runtime):
    """Return factors [B, C] for the scores of boxes [B, C, 4], which are in order. `fused` reads `runtime`."""
    positions = tf.range(dimension(boxes, 1))
    rival = (positions[:, None] < positions) & (labels[:, :, None] == labels[:, None, :]) & alive[:, :, None]
    iou = tf.where(rival, pairwise_iou(boxes, boxes), 0.0)  # [B, C, C]: better box, worse box
    most = tf.reduce_max(iou, axis=1)[:, :, None]  # of the better box with those better still
    if sigma is None:
        decay = (1 - iou) / tf.maximum(1 - most, EPSILON)
    else:
        decay = tf.exp((tf.square(most) - tf.square(iou)) / sigma)
    return tf.reduce_min(tf.where(rival, decay, 1.0), axis=1)
