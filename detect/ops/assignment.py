"""Which points learn which true box, by the cost of their predictions: SimOTA (Ge et al. 2021, YOLOX, section 2.1).

The cost matrix [B, N, A] is never made: true boxes are visited one after the other, and each point remembers what it
needs. Memory grows with B * A, and time with the boxes that are there, not with the padding.
"""

from typing import NamedTuple

import tensorflow as tf

from detect.ops.boxes import paired_iou
from detect.ops.compiling import at_most, dimension, fused
from detect.ops.matching import gather_rows, used_rows, with_spare_row

OUTSIDE = 1e6  # added to the cost of a candidate of other boxes: taken only where a box has too few of its own
FORBIDDEN = 1e12  # cost of a point that is no candidate: never taken
LOG_FLOOR = -100.0  # where logarithms stop, as in PyTorch's binary cross-entropy
EPSILON = 1e-8


class Assignment(NamedTuple):
    """What each point should learn."""

    foreground: tf.Tensor  # bool [B, A]
    indices: tf.Tensor  # int32 [B, A]: the true box 0..N-1; -1 where not foreground
    ious: tf.Tensor  # float32 [B, A]: overlap of its prediction with that box; 0 where not foreground
    ignored: tf.Tensor  # bool [B, A]: in an ignored region and not foreground: no part of the loss


@fused
def sim_ota(
    boxes: tf.Tensor,
    class_logits: tf.Tensor,
    objectness_logits: tf.Tensor,
    points: tf.Tensor,
    strides: tf.Tensor,
    true_boxes: tf.Tensor,
    labels: tf.Tensor,
    ignore: tf.Tensor,
    *,
    radius: float = 1.5,
    candidates: int = 10,
    iou_weight: float = 3.0,
) -> Assignment:
    """Assign points to true boxes [B, N, 4] by the cost of their predictions. No gradient flows.

    Args:
        boxes: [B, A, 4], predicted.
        class_logits: [B, A, K].
        objectness_logits: [B, A].
        points: [A, 2], centres of the cells, pixels.
        strides: [A], pixels.
        true_boxes: [B, N, 4].
        labels: [B, N], -1 in padded rows, which are never assigned.
        ignore: bool [B, N], regions without positives of their own; points inside are `ignored` unless foreground.
        radius: how far a candidate may be from the centre of a true box, in x and in y, in strides.
        candidates: how many of the largest IoUs of a box are added up to give k.
        iou_weight: weight of `-log(IoU)` in the cost.

    A candidate costs a box `BCE(sqrt(p_class * p_objectness), one-hot) + iou_weight * -log(IoU)`, and 1e6 more if it is
    a candidate of other boxes only. The box takes its k cheapest, the first of equals; k is the sum, rounded down, of
    its largest IoUs with candidates, at least 1. A point that several boxes took goes to that box of all for which it
    is cheapest. This is the authors' code as it stands (Megvii YOLOX, `yolo_head.py`: `get_geometry_constraint`,
    `simota_matching`); up to 2022 points inside a box were candidates as well, and the radius was 2.5.
    """
    boxes, class_logits, objectness_logits = map(tf.stop_gradient, (boxes, class_logits, objectness_logits))
    true_boxes, labels, ignore = with_spare_row(true_boxes, labels, ignore)
    used, real = used_rows(labels, ignore), (labels >= 0) & ~ignore
    candidate, ignored = _mark_points(points, strides * radius, true_boxes, real, ignore, used)
    no_to_all, yes_to_one = _class_costs(class_logits, objectness_logits)
    cost_of_point = tf.where(candidate, no_to_all, FORBIDDEN)
    predicted = tf.where(candidate[..., None], boxes, 0.0)  # empty boxes overlap nothing

    def visit(n, taken, index, least, cheapest):
        box, label, is_real = (_row(rows, n) for rows in (true_boxes, tf.maximum(labels, 0), real))
        iou = paired_iou(predicted, box)  # [B, A]
        cost = cost_of_point + tf.gather(yes_to_one, label, axis=2, batch_dims=1)[..., 0]
        cost += tf.where(_is_near(points, strides * radius, box), 0.0, OUTSIDE)
        cost += tf.where(is_real, 0.0, FORBIDDEN) - iou_weight * tf.math.log(iou + EPSILON)
        takes = _take_cheapest(cost, iou, candidates)
        return (
            n + 1,
            taken + tf.cast(takes, tf.int32),
            tf.where(takes, n, index),
            tf.minimum(cost, least),
            tf.where(cost < least, n, cheapest),
        )

    none = tf.zeros_like(candidate, tf.int32)
    start = (0, none, none, tf.fill(tf.shape(none), FORBIDDEN), none)
    _, taken, index, _, cheapest = tf.while_loop(lambda n, *_: n < used, visit, start)
    foreground = taken > 0
    index = tf.where(foreground, tf.where(taken > 1, cheapest, index), -1)
    iou = tf.where(foreground, paired_iou(boxes, gather_rows(true_boxes, index)), 0.0)
    return Assignment(foreground, index, tf.stop_gradient(iou), ignored & ~foreground)


def _mark_points(points, reach, boxes, real, ignore, used):
    """Points near the centre of some true box, and points in some ignored region: bool [B, A] each."""

    def visit(n, candidate, ignored):
        box = _row(boxes, n)
        candidate |= _row(real, n) & _is_near(points, reach, box)
        ignored |= _row(ignore, n) & _is_inside(points, box)
        return n + 1, candidate, ignored

    nothing = tf.zeros([dimension(boxes, 0), dimension(points, 0)], tf.bool)
    return tf.while_loop(lambda n, *_: n < used, visit, (0, nothing, nothing))[1:]


def _class_costs(class_logits, objectness_logits):
    """Cost of answering no to every class [B, A], and what a yes to one class adds to it [B, A, K]."""
    score = tf.sqrt(tf.sigmoid(class_logits) * tf.sigmoid(objectness_logits)[..., None])
    no, yes = (-tf.maximum(tf.math.log(probability), LOG_FLOOR) for probability in (1 - score, score))
    return tf.reduce_sum(no, axis=-1), yes - no


def _take_cheapest(cost, iou, candidates):
    """The k cheapest points of one box an image, bool [B, A]; k from the largest IoUs [B, A]."""
    count, length = dimension(cost, 0), dimension(cost, 1)
    most = at_most(candidates, length)
    total = tf.reduce_sum(tf.math.top_k(iou, most).values, axis=1, keepdims=True)
    k = tf.maximum(tf.cast(total, tf.int32), 1)  # [B, 1]
    negated, position = tf.math.top_k(-cost, most)
    takes = (tf.range(most) < k) & (negated > -FORBIDDEN / 2)
    image = tf.broadcast_to(tf.range(count)[:, None], tf.shape(position))
    return tf.scatter_nd(tf.stack([image, position], axis=-1), tf.cast(takes, tf.int32), [count, length]) > 0


def _is_near(points, reach, box):
    """Whether points [A, 2] are less than `reach` [A], in x and in y, from the centre of box [B, 1, 4]: bool [B, A]."""
    x, y = tf.unstack(points, axis=-1)
    x1, y1, x2, y2 = tf.unstack(box, axis=-1)
    return (tf.abs(x - (x1 + x2) / 2) < reach) & (tf.abs(y - (y1 + y2) / 2) < reach)


def _is_inside(points, box):
    """Whether points [A, 2] are inside box [B, 1, 4], edges excluded: bool [B, A]."""
    x, y = tf.unstack(points, axis=-1)
    x1, y1, x2, y2 = tf.unstack(box, axis=-1)
    return (x > x1) & (x < x2) & (y > y1) & (y < y2)


def _row(values, n):
    """Row n of every image: [B, 1, ...] of [B, N, ...]."""
    return tf.gather(values, [n], axis=1)
