"""Tasks of `workers.py`: single operations of `detect.ops`."""

from collections.abc import Callable

import tensorflow as tf
from measuring.operands import (
    CANDIDATES,
    CONFIDENCE,
    KEPT,
    OVERLAP,
    PYRAMID_STRIDES,
    boxes_and_scores,
    focal_operands,
    matching_operands,
    pyramid_operands,
    sim_ota_operands,
)
from measuring.serving import Task, serve

from detect.ops.assignment import sim_ota
from detect.ops.boxes import iou
from detect.ops.losses import sigmoid_focal
from detect.ops.matching import match_by_iou
from detect.ops.nms import non_maximum_suppression
from detect.ops.roi_align import pyramid_roi_align


def prepare(task: str) -> Task:
    name, *numbers = task.split()
    tasks: dict[str, Callable[..., Task]] = {
        "iou": pairwise_iou, "matching": matching, "sim_ota": simota, "focal": focal, "nms": nms, "roi": roi
    }  # fmt: skip
    return tasks[name](*map(int, numbers))


def pairwise_iou() -> Task:
    anchors, boxes = map(tf.constant, matching_operands())
    return lambda: finished([iou(anchors, own) for own in boxes])


def matching() -> Task:
    anchors, boxes = map(tf.constant, matching_operands())
    labels = tf.zeros(boxes.shape[:2], tf.int32)
    return lambda: finished(match_by_iou(anchors, boxes, labels, tf.zeros(labels.shape, tf.bool)))


def simota() -> Task:
    predicted, classes, objectness, points, strides, boxes, labels = map(tf.constant, sim_ota_operands())
    ignore = tf.zeros(labels.shape, tf.bool)
    arguments = (predicted, classes, objectness, points, strides, boxes, labels, ignore)
    return lambda: finished(sim_ota(*arguments))


def focal() -> Task:
    """Return a call that computes the loss and its gradient."""
    logits, labels = map(tf.constant, focal_operands())

    @tf.function(autograph=False)
    def value_and_gradient(logits, labels):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            loss = tf.reduce_sum(sigmoid_focal(logits, labels))
        return loss, tape.gradient(loss, logits)

    return lambda: finished(value_and_gradient(logits, labels))


def nms(images: int, count: int) -> Task:
    """Return a call from the scores of all classes to boxes."""
    boxes, scores = map(tf.constant, boxes_and_scores(images, count))
    overlap, confidence = tf.constant(OVERLAP), tf.constant(CONFIDENCE)

    def run() -> None:
        options = {"iou": overlap, "confidence": confidence}
        finished(non_maximum_suppression(boxes, scores, max_detections=KEPT, candidates=CANDIDATES, **options))

    return run


def roi() -> Task:
    levels, boxes = pyramid_operands()
    levels, boxes = [tf.constant(level) for level in levels], tf.constant(boxes)

    @tf.function(autograph=False)
    def pooled(levels, boxes):
        return pyramid_roi_align(levels, boxes, strides=PYRAMID_STRIDES, size=7, samples=2)

    return lambda: finished(pooled(levels, boxes))


def finished(result) -> None:
    """Wait until the result is computed."""
    for tensor in tf.nest.flatten(result):
        tensor.numpy()


if __name__ == "__main__":
    serve(prepare)
