"""Matching of queries to true boxes, one to one: what a pair costs, and what assignments of boxes to queries tell.

Carion et al. 2020, DETR, arXiv 2005.12872, section 3.1, with the costs of its successors (RT-DETR, D-FINE, DEIM,
RF-DETR). `hungarian.optimal_assignment` finds the cheapest assignment.

Boxes are `relative_boxes`. Predictions have any leading dimensions, such as layers and images, against which those of
the true boxes broadcast.
"""

import tensorflow as tf

from detect.ops.boxes import giou, intersection_over_area, paired_iou
from detect.ops.compiling import compiled, dimension, fused
from detect.ops.relative_boxes import to_corners


@compiled
def matching_costs(
    logits: tf.Tensor,
    boxes: tf.Tensor,
    labels: tf.Tensor,
    true_boxes: tf.Tensor,
    *,
    weights: tuple[float, float, float] = (2.0, 5.0, 2.0),
    alpha: float = 0.25,
    gamma: float = 2.0,
) -> tf.Tensor:
    """Return what it costs to match each query to each true box, float32 [..., Q, G]. No gradient flows.

    It is a weighted sum of the focal loss that the class of the true box has as a yes, less that as a no (Zhu et al.
    2021, Deformable DETR, arXiv 2010.04159), of the L1 distance of the boxes, and of minus their GIoU.

    Args:
        logits: float32 [..., Q, K].
        boxes: predicted boxes, float32 [..., Q, 4].
        labels: int32 [..., G]; -1 in padded rows, whose costs mean nothing.
        true_boxes: float32 [..., G, 4].
        weights: of the costs of class, distance and GIoU.
        alpha: as of the focal loss.
        gamma: as of the focal loss.
    """
    logits, boxes = tf.stop_gradient(logits), tf.stop_gradient(boxes)
    return _joined_costs(_of_labels(_class_costs(logits, alpha, gamma), labels), boxes, true_boxes, weights)


@compiled
def late_matching_costs(
    logits: tf.Tensor, boxes: tf.Tensor, labels: tf.Tensor, true_boxes: tf.Tensor, power: float = 4.0
) -> tf.Tensor:
    """Return minus the score of the class of a true box times `IoU ** power`, float32 [..., Q, G]. No gradient flows.

    It ranks queries as evaluation does. DEIMv2 matches by it in the last epochs (Huang et al. 2025, arXiv 2509.20787;
    authors' code, `matcher.py`, `change_matcher`).

    Args:
        logits: as of `matching_costs`.
        boxes: as of `matching_costs`.
        labels: as of `matching_costs`.
        true_boxes: as of `matching_costs`.
        power: exponent of the IoU.
    """
    scores = _of_labels(tf.linalg.matrix_transpose(tf.sigmoid(tf.stop_gradient(logits))), labels)
    return _late_costs(scores, tf.stop_gradient(boxes), true_boxes, power)


@compiled
def corners_of(boxes: tf.Tensor) -> tf.Tensor:
    """Return relative boxes [..., 4] as `x1, y1, x2, y2`, without a side that is negative, as DETR's successors do."""
    return to_corners(tf.concat([boxes[..., :2], tf.nn.relu(boxes[..., 2:])], axis=-1))


@fused
def boxes_of_queries(queries: tf.Tensor, count: int) -> tf.Tensor:
    """Return the true box of each of `count` queries, int32 [..., count], -1 where there is none.

    Args:
        queries: that of each true box, int32 [..., G], -1 where there is none. No query has two.
        count: Q.
    """
    own = queries[..., None, :] == tf.range(count)[:, None]  # [..., Q, G]
    place = tf.reduce_max(tf.where(own, tf.range(1, dimension(queries, -1) + 1), 0), axis=-1)
    return tf.maximum(place, 0) - 1  # the largest of no number is not 0


@fused
def matching_union(indices: tf.Tensor) -> tf.Tensor:
    """Return the true box that each query is matched to in most layers, int32 [B, Q], -1 where it is in none.

    This is the union of the matches of all layers (Peng et al., D-FINE, section 4.2; authors' code, `_get_go_indices`).
    Of equally many, the first box is taken. A box may have several queries then.

    Args:
        indices: the true box of each query in each layer, int32 [L, B, Q], -1 where there is none.
    """
    votes = tf.reduce_sum(tf.cast(indices == indices[:, None], tf.int32), axis=1)  # for the box of each layer
    votes = tf.where(indices >= 0, votes, 0)
    leads = (votes > 0) & (votes == tf.reduce_max(votes, axis=0))
    first = tf.reduce_min(tf.where(leads, indices, indices.dtype.max), axis=0)
    return tf.where(tf.reduce_any(leads, axis=0), first, -1)


@fused
def in_ignored_regions(boxes: tf.Tensor, true_boxes: tf.Tensor, real: tf.Tensor, ignore: tf.Tensor) -> tf.Tensor:
    """Mark the boxes that have more of their area in an ignored region than in any true box, and more than half.

    Args:
        boxes: float32 [..., Q, 4].
        true_boxes: float32 [..., N, 4].
        real: bool [..., N], the rows that are true boxes.
        ignore: bool [..., N], the rows that are ignored regions.

    Returns:
        bool [..., Q].
    """
    shares = intersection_over_area(corners_of(tf.stop_gradient(boxes)), corners_of(true_boxes))
    none = tf.zeros([], shares.dtype)  # not a row of zeros: there may be no row at all
    ignored, true = (tf.reduce_max(tf.where(rows[..., None, :], shares, none), axis=-1) for rows in (ignore, real))
    return (ignored > 0.5) & (ignored > true)


# Costs of pairs are computed as [..., G, Q]: those of a class for all queries are gathered as a whole. The gathering
# is not fused with what follows: XLA on a CPU would then compute every pair on its own, which takes nine times as long.


@fused
def _class_costs(logits, alpha, gamma):
    """Return what each query costs as a yes for each class, less what it costs as a no, [..., K, Q]."""
    score = tf.sigmoid(logits)
    yes, no = alpha * (1 - score) ** gamma * tf.math.softplus(-logits), score**gamma * tf.math.softplus(logits)
    return tf.linalg.matrix_transpose(yes - (1 - alpha) * no)


def _of_labels(values, labels):
    """Return the rows [..., G, Q] of `values` [..., K, Q] that belong to the classes `labels` [..., G]."""
    leading = tf.shape(values)[:-2]
    labels = tf.broadcast_to(tf.maximum(labels, 0), tf.concat([leading, [dimension(labels, -1)]], axis=0))
    return tf.gather(values, labels, axis=-2, batch_dims=values.shape.rank - 2)


@fused
def _joined_costs(class_costs, boxes, true_boxes, weights):
    """Return the weighted sum of `class_costs` [..., G, Q] and those of boxes, [..., Q, G]."""
    of_class, of_distance, of_giou = weights
    predicted, true = boxes[..., None, :, :], true_boxes[..., :, None, :]
    costs = of_class * class_costs - of_giou * giou(corners_of(predicted), corners_of(true))
    for column in range(4):  # one after the other, so that no tensor [..., G, Q, 4] is needed
        costs += of_distance * tf.abs(predicted[..., column] - true[..., column])
    return tf.linalg.matrix_transpose(costs)


@fused
def _late_costs(scores, boxes, true_boxes, power):
    """Return minus `scores` [..., G, Q] times a power of the IoU, [..., Q, G]."""
    predicted, true = corners_of(boxes[..., None, :, :]), corners_of(true_boxes[..., :, None, :])
    return tf.linalg.matrix_transpose(-scores * paired_iou(predicted, true) ** power)
