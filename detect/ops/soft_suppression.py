"""Suppression that lowers the scores of overlapping boxes instead of dropping them: soft-NMS and matrix NMS.

Both work class by class, on the same candidates as `non_maximum_suppression`, with operations that XLA knows.
"""

import tensorflow as tf

from detect.ops.boxes import EPSILON, paired_iou
from detect.ops.boxes import iou as pairwise_iou
from detect.ops.compiling import at_most, compiled, dimension, fused
from detect.ops.matching import gather_rows
from detect.ops.nms import best_pairs
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
) -> Detections:
    """Soft-NMS with the Gaussian penalty (Bodla et al. 2017, arXiv 1704.04503, eq. 3).

    The best box is taken; every other of its class has its score multiplied by `exp(-IoU ** 2 / sigma)`; and so on.
    The result is sorted by the lowered scores: D = `max_detections` rows, padded with label -1.

    Args:
        boxes: as for `non_maximum_suppression`.
        scores: as for `non_maximum_suppression`.
        candidates: as for `non_maximum_suppression`.
        levels: as for `non_maximum_suppression`.
        confidence: scores have to be above this, before and after they are lowered; float or scalar tensor.
        max_detections: D.
        sigma: the smaller, the harder the penalty.
        halved: whether the exponent is `-IoU ** 2 / (2 * sigma)`, as in TensorFlow's kernel `NonMaxSuppressionV5`.

    Equal scores rank by box, then by class. Published EfficientDets are scored with 5,000 candidates, a confidence of
    0.001, a sigma of 0.5 and no half (google/automl, `efficientdet/tf2/postprocess.py`).
    """
    boxes, scores, labels = best_pairs(boxes, scores, candidates, levels, confidence)
    scores = tf.where(scores > confidence, scores, 0.0)
    scale = tf.constant(-0.5 / sigma if halved else -1 / sigma)
    rows, scores = _take_one_by_one(boxes, scores, labels, tf.cast(confidence, tf.float32), scale, max_detections)
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
) -> Detections:
    """Matrix NMS (Wang et al. 2020, SOLOv2, arXiv 2003.10152, section 3.3): all scores are lowered at once.

    A box j is penalised by every better box i of its class with `f(IoU_ij)`, divided by the penalty `f(IoU_i)` that i
    itself got from the box that it overlaps most among those better than i: `decay_j = min_i f(IoU_ij) / f(IoU_i)`.

    Args:
        boxes: as for `non_maximum_suppression`.
        scores: as for `non_maximum_suppression`.
        candidates: as for `non_maximum_suppression`.
        levels: as for `non_maximum_suppression`.
        confidence: scores have to be above this, before and after they are lowered; float or scalar tensor.
        max_detections: D.
        sigma: f is `exp(-IoU ** 2 / sigma)`, as in the paper; the authors' code multiplies by a sigma of 2 instead.
            None takes the linear `1 - IoU`.

    Returns:
        The best D by the lowered scores, padded with label -1. Equal scores rank by the score before, by box and by
        class.
    """
    boxes, scores, labels = best_pairs(boxes, scores, candidates, levels, confidence)
    alive = scores > confidence
    scores = tf.where(alive, scores * _matrix_decay(boxes, alive, labels, sigma), 0.0)
    values, rows = tf.math.top_k(scores, at_most(max_detections, dimension(scores, 1)))
    rows = tf.where(values > confidence, rows, -1)
    rows = tf.pad(rows, [[0, 0], [0, max_detections - dimension(rows, 1)]], constant_values=-1)
    labels = gather_rows(labels + 1, rows) - 1
    return Detections(gather_rows(boxes, rows), gather_rows(scores, rows), labels)


@fused
def _take_one_by_one(boxes, scores, labels, confidence, scale, most):
    """Rows [B, most] of the boxes in the order in which they are taken, padded with -1, and their scores then.

    Classes do not touch each other, so one round for all of them, the best box of any class first, takes the boxes of
    each in the order of its own, and ends as soon as there are enough.
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
        penalty = tf.exp(scale * tf.square(paired_iou(boxes, box)))
        scores = tf.where(labels == label, scores * penalty, scores)
        return n + 1, tf.where(positions == row, 0.0, scores), rows, values

    def unfinished(n, scores, *_):
        return (n < most) & tf.reduce_any((scores > confidence) & (scores > 0))

    count = dimension(scores, 0)
    start = (0, scores, tf.fill([count, most], -1), tf.zeros([count, most]))
    return tf.while_loop(unfinished, visit, start)[2:]


@fused
def _matrix_decay(boxes, alive, labels, sigma):
    """Factors [B, C] for the scores of boxes [B, C, 4] that are in order, best first."""
    positions = tf.range(dimension(boxes, 1))
    rival = (positions[:, None] < positions) & (labels[:, :, None] == labels[:, None, :]) & alive[:, :, None]
    iou = tf.where(rival, pairwise_iou(boxes, boxes), 0.0)  # [B, C, C]: better box, worse box
    most = tf.reduce_max(iou, axis=1)[:, :, None]  # of the better box with those better still
    if sigma is None:
        decay = (1 - iou) / tf.maximum(1 - most, EPSILON)
    else:
        decay = tf.exp((tf.square(most) - tf.square(iou)) / sigma)
    return tf.reduce_min(tf.where(rival, decay, 1.0), axis=1)
