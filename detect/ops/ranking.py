"""Detections of models whose boxes do not compete: the best pairs of a box and a class."""

import tensorflow as tf

from detect.ops.candidates import best_pairs
from detect.ops.compiling import Runtime, compiled, dimension
from detect.structures import Detections


@compiled
def best_detections(
    boxes: tf.Tensor, scores: tf.Tensor, *, confidence, max_detections: int, runtime: Runtime = "local"
) -> Detections:
    """Return the best pairs of each image. A box may be several detections, of different classes.

    Equal scores rank by box, then by class.

    Args:
        boxes: float32 [B, A, 4], shared by the classes.
        scores: float32 [B, A, K] in 0..1.
        confidence: scores have to be above this; float or scalar tensor.
        max_detections: D.
        runtime: what will run it.

    Returns:
        D rows per image, best score first, padded with zeros and the label -1.
    """
    boxes, scores, labels = best_pairs(boxes, scores, max_detections, None, confidence, runtime=runtime)
    real = scores > confidence
    scores = tf.maximum(scores, 0.0)  # where there is no pair they are minus infinity, and tf2onnx multiplies by 0
    padding = [[0, 0], [0, max_detections - dimension(scores, 1)]]
    return Detections(
        tf.pad(tf.where(real[..., None], boxes, 0.0), [*padding, [0, 0]]),
        tf.pad(tf.where(real, scores, 0.0), padding),
        tf.pad(tf.where(real, labels, -1), padding, constant_values=-1),
    )
