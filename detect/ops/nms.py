"""Greedy non-maximum suppression of a batch: of boxes of one class that overlap, the best score stays.

On the CPU a C++ kernel of TensorFlow does it. Elsewhere it is a fixed point, compiled by XLA: a box is kept if no kept
box of a better rank overlaps it. Starting from all boxes and applying this again and again, each round settles one
more box of every chain of overlaps; after a few rounds nothing changes. Both get the same ranks, so they keep the same
boxes.
"""

import tensorflow as tf

from detect.ops.boxes import iou as pairwise_iou
from detect.ops.compiling import at_most, compiled, dimension, fused
from detect.ops.matching import gather_rows
from detect.structures import Detections


@compiled
def non_maximum_suppression(
    boxes: tf.Tensor, scores: tf.Tensor, *, iou, confidence, max_detections: int, candidates: int
) -> Detections:
    """The best boxes of each image, best first: D = `max_detections` rows, padded with label -1.

    Args:
        boxes: float32 [B, A, 4], shared by the classes.
        scores: float32 [B, A, K] in 0..1.
        iou: boxes of one class that overlap more than this are one object; float or scalar tensor.
        confidence: scores have to be above this; float or scalar tensor.
        max_detections: D.
        candidates: how many (box, class) pairs of an image enter, the best by score; the others are dropped unseen.

    Equal scores rank by box, then by class, so the result is the same everywhere. Differs from torchvision, which
    counts candidates by pyramid level, and from Megvii YOLOX, where a box competes in its best class only.
    """
    classes = dimension(scores, 2)
    boxes, scores, labels = _best_pairs(boxes, scores, candidates)
    ranks = tf.range(dimension(scores, 1), 0, -1)  # best first: C, C - 1, ... 1; 0 takes no part
    ranks = tf.where(scores > confidence, ranks, 0)
    if _on_accelerator():
        kept = _keep_by_fixed_point(boxes, ranks, labels, iou, max_detections)
    else:
        kept = _keep_by_kernel(boxes, ranks, labels, iou, max_detections, classes)
    rows = tf.where(kept > 0, dimension(scores, 1) - kept, -1)
    labels = tf.where(kept > 0, gather_rows(labels, rows), -1)
    return Detections(gather_rows(boxes, rows), gather_rows(scores, rows), labels)


def _keep_by_kernel(boxes, ranks, labels, iou, max_detections, classes):
    """Ranks [B, D] of the boxes that stay, best first, padded with 0; by TensorFlow's C++ kernel.

    It takes a column of scores for each class; a pair's rank stands in its class's column, so no two are equal.
    """
    columns = tf.one_hot(labels, classes) * tf.cast(ranks, tf.float32)[..., None]  # [B, C, K]
    kept = tf.image.combined_non_max_suppression(
        boxes[:, :, None],
        columns,
        max_output_size_per_class=max_detections,
        max_total_size=max_detections,
        iou_threshold=iou,
        score_threshold=0.0,
        clip_boxes=False,
    )
    return tf.cast(kept.nmsed_scores, tf.int32)


@fused
def _keep_by_fixed_point(boxes, ranks, labels, iou, max_detections):
    """Ranks [B, D] of the boxes that stay, best first, padded with 0; as a fixed point."""
    better = ranks[:, :, None] > ranks[:, None, :]  # [B, C, C]: row beats column
    rival = better & (labels[:, :, None] == labels[:, None, :]) & (pairwise_iou(boxes, boxes) > iou)

    def unsettled(keep, previous):
        return tf.reduce_any(keep != previous)

    def settle(keep, _):
        return (ranks > 0) & ~tf.reduce_any(rival & keep[:, :, None], axis=1), keep

    keep, _ = tf.while_loop(unsettled, settle, (ranks > 0, tf.zeros_like(ranks, tf.bool)))
    kept = tf.math.top_k(tf.where(keep, ranks, 0), at_most(max_detections, dimension(ranks, 1))).values
    return tf.pad(kept, [[0, 0], [0, max_detections - dimension(kept, 1)]])


def _best_pairs(boxes, scores, candidates):
    """The best pairs of box and class, best first: boxes [B, C, 4], scores [B, C], labels int32 [B, C].

    Only boxes that are among the best by their best class can be in one of the best pairs.
    """
    anchors, classes = dimension(scores, 1), dimension(scores, 2)
    best = tf.math.top_k(tf.reduce_max(scores, axis=-1), at_most(candidates, anchors)).indices
    best = tf.sort(best)  # equal scores rank by box
    few = tf.gather(scores, best, batch_dims=1)  # [B, C, K]
    pairs = tf.reshape(few, [dimension(few, 0), dimension(few, 1) * classes])
    scores, position = tf.math.top_k(pairs, at_most(candidates, dimension(pairs, 1)))
    rows = tf.gather(best, position // classes, batch_dims=1)
    return tf.gather(boxes, rows, batch_dims=1), scores, position % classes


def _on_accelerator() -> bool:
    """Whether this process computes on a GPU or TPU. (The kernel exists for the CPU only.)"""
    return bool(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))
