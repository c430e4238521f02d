"""Assignment of points to true boxes by the cost of their predictions: SimOTA (Ge et al. 2021, YOLOX, section 2.1)."""

from typing import NamedTuple

import tensorflow as tf

from detect.ops.boxes import paired_iou
from detect.ops.compiling import Runtime, at_most, dimension, fused
from detect.ops.matching import gather_rows
from detect.ops.visiting import largest_in_rows, visit_boxes

OUTSIDE = 1e6  # added to the cost of candidates of other boxes, which are taken only where a box has too few of its own
FORBIDDEN = 1e12  # cost of a point that is not a candidate and is never taken
LOG_FLOOR = -100.0  # least logarithm, as in PyTorch's binary cross-entropy
EPSILON = 1e-8


class Assignment(NamedTuple):
    """The targets of each point."""

    foreground: tf.Tensor  # bool [B, A]
    indices: tf.Tensor  # int32 [B, A]: the true box 0..N-1; -1 where not foreground
    ious: tf.Tensor  # float32 [B, A]: IoU of the predicted box with that box; 0 where not foreground
    ignored: tf.Tensor  # bool [B, A]: in an ignored region and not foreground: not part of the loss


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
    looked_for: tf.Tensor | None = None,
    radius: float = 1.5,
    candidates: int = 10,
    iou_weight: float = 3.0,
    runtime: Runtime = "local",
) -> Assignment:
    """Assign points to true boxes by the cost of their predictions. No gradient flows.

    A candidate costs a box `BCE(sqrt(p_class * p_objectness), one-hot) + iou_weight * -log(IoU)`, and 1e6 more if it is
    a candidate of other boxes only. The box takes its k cheapest candidates, the first of equals; k is the sum, rounded
    down, of its largest IoUs with candidates, and at least 1. A point that several boxes took goes to that box of all
    for which it is cheapest. This follows the authors' code (Megvii YOLOX, `yolo_head.py`: `get_geometry_constraint`,
    `simota_matching`). Until 2022, points inside a box were candidates too, and the radius was 2.5.

    Args:
        boxes: predicted boxes, float32 [B, A, 4], pixels.
        class_logits: float32 [B, A, K].
        objectness_logits: float32 [B, A].
        points: centres of the cells, float32 [A, 2], pixels.
        strides: float32 [A], pixels.
        true_boxes: float32 [B, N, 4], pixels.
        labels: int32 [B, N], -1 in padded rows, which are never assigned.
        ignore: bool [B, N], regions that are not assigned; points inside are `ignored` unless they are foreground.
        looked_for: bool [B, K], the classes that were looked for; None: all. A no to another class costs nothing.
        radius: largest distance of a candidate from the centre of a true box, in x and in y, in strides.
        candidates: number of a box's largest IoUs whose sum is k.
        iou_weight: weight of `-log(IoU)` in the cost.
        runtime: what will run it.

    Returns:
        The `Assignment` of the A points of each image.
    """
    boxes, class_logits, objectness_logits = map(tf.stop_gradient, (boxes, class_logits, objectness_logits))
    truth, reach = (true_boxes, labels, ignore), strides * radius
    candidate, ignored = _mark_points(points, reach, *truth, runtime)
    no_to_all, yes_to_one = _class_costs(class_logits, objectness_logits, looked_for)
    cost_of_point = tf.where(candidate, no_to_all, FORBIDDEN)[:, None]
    predicted = tf.where(candidate[..., None], boxes, 0.0)[:, None]  # empty boxes do not overlap anything

    def visit(numbers, boxes, labels, real, _, taken, taken_by, least, cheapest):
        boxes = boxes[:, :, None]
        iou = paired_iou(predicted, boxes)  # [B, n, A]
        cost = cost_of_point + tf.gather(yes_to_one, tf.maximum(labels, 0), axis=1, batch_dims=1)
        cost += tf.where(_is_near(points, reach, boxes), 0.0, OUTSIDE)
        cost += tf.where(real, 0.0, FORBIDDEN) - iou_weight * tf.math.log(iou + EPSILON)
        position, takes = _take_cheapest(cost, iou, candidates, runtime)  # [B, n, k]
        taken += _count_in_images(position, tf.cast(takes, tf.int32), taken)
        taken_by += _count_in_images(position, tf.where(takes, numbers[:, None], 0), taken)
        own = tf.reduce_min(cost, axis=1)
        cheapest = tf.where(own < least, tf.gather(numbers, tf.argmin(cost, axis=1)), cheapest)
        return taken, taken_by, tf.minimum(own, least), cheapest

    none = tf.zeros_like(candidate, tf.int32)
    start = (none, none, tf.fill(tf.shape(none), FORBIDDEN), none)
    # `taken_by` sums up numbers, of one box mostly.
    taken, taken_by, _, cheapest = visit_boxes(visit, start, *truth, runtime=runtime)
    foreground = taken > 0
    index = tf.where(foreground, tf.where(taken > 1, cheapest, taken_by), -1)
    iou = tf.where(foreground, paired_iou(boxes, gather_rows(true_boxes, index)), 0.0)
    return Assignment(foreground, index, tf.stop_gradient(iou), ignored & ~foreground)


def _mark_points(points, reach, boxes, labels, ignore, runtime):
    """Mark points near the centre of any true box, and points in any ignored region: bool [B, A] each."""

    def visit(numbers, boxes, labels, real, ignored, candidate, in_ignored):
        boxes = boxes[:, :, None]
        candidate |= tf.reduce_any(real & _is_near(points, reach, boxes), axis=1)
        return candidate, in_ignored | tf.reduce_any(ignored & _is_inside(points, boxes), axis=1)

    nothing = tf.zeros([dimension(boxes, 0), dimension(points, 0)], tf.bool)
    return visit_boxes(visit, (nothing, nothing), boxes, labels, ignore, runtime=runtime)


def _class_costs(class_logits, objectness_logits, looked_for):
    """Return the cost of answering no to every class, [B, A], and what a yes to one class adds to it, [B, K, A].

    A no to a class that was not looked for costs nothing.
    """
    score = tf.sqrt(tf.sigmoid(class_logits) * tf.sigmoid(objectness_logits)[..., None])
    no, yes = (-tf.maximum(tf.math.log(probability), LOG_FLOOR) for probability in (1 - score, score))
    if looked_for is not None:
        no = tf.where(looked_for[:, None], no, 0.0)
    return tf.reduce_sum(no, axis=-1), tf.linalg.matrix_transpose(yes - no)


def _take_cheapest(cost, iou, candidates, runtime):
    """Return the positions of the cheapest points of each box, and which of them are its k: [B, n, C] each.

    `cost` and `iou` are [B, n, A]; k is computed from the largest IoUs.
    """
    most = at_most(candidates, dimension(cost, 2))
    total = tf.reduce_sum(largest_in_rows(iou, most, runtime=runtime)[0], axis=-1, keepdims=True)
    k = tf.maximum(tf.cast(total, tf.int32), 1)  # [B, n, 1]
    negated, position = largest_in_rows(-cost, most, runtime=runtime)
    return position, (tf.range(most) < k) & (negated > -FORBIDDEN / 2)


def _count_in_images(positions, values, like):
    """Return the sums of `values` [B, n, C] at each position of an image, int32 in the shape of `like` [B, A]."""
    image = tf.broadcast_to(tf.range(dimension(positions, 0))[:, None, None], tf.shape(positions))
    return tf.scatter_nd(tf.stack([image, positions], axis=-1), values, tf.shape(like))


def _is_near(points, reach, box):
    """Mark points [A, 2] that are less than `reach` [A], in x and in y, from the centre of a box [..., 1, 4]."""
    x, y = tf.unstack(points, axis=-1)
    x1, y1, x2, y2 = tf.unstack(box, axis=-1)
    return (tf.abs(x - (x1 + x2) / 2) < reach) & (tf.abs(y - (y1 + y2) / 2) < reach)


def _is_inside(points, box):
    """Mark points [A, 2] inside a box [..., 1, 4], edges excluded."""
    x, y = tf.unstack(points, axis=-1)
    x1, y1, x2, y2 = tf.unstack(box, axis=-1)
    return (x > x1) & (x < x2) & (y > y1) & (y < y2)
