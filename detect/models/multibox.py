"""The parts that SSD and SSDLite share: predictions for the default boxes of several feature maps, losses and boxes.

Paper: Liu et al., SSD: Single Shot MultiBox Detector, arXiv 1512.02325.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from detect.ops.boxes import clip
from detect.ops.coding import decode_deltas, encode_deltas
from detect.ops.compiling import Runtime
from detect.ops.coverage import Grids, best_overlaps, by_cell
from detect.ops.losses import smooth_l1, softmax_cross_entropy, sum_where, weigh_positives
from detect.ops.matching import NEGATIVE, gather_rows, match_default_boxes
from detect.ops.replicas import sum_over_replicas
from detect.ops.sampling import hardest_negatives
from detect.structures import Candidates, Targets

Ratios = tuple[tuple[float, ...], ...]

WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # of the deltas: 1 over the paper's "variances" 0.1 and 0.2


def by_box(features: tf.Tensor, columns: int) -> tf.Tensor:
    """Reshape the values of each default box to a row: [B, h, w, boxes * columns] -> [B, h * w * boxes, columns]."""
    _, height, width, channels = features.shape
    return tf.reshape(features, [-1, height * width * channels // columns, columns])


def join_maps(predictions: Iterable[tuple[tf.Tensor, tf.Tensor]]) -> dict[str, Any]:
    """Join the predictions of all maps.

    Args:
        predictions: for each map, class logits [B, a, K + 1] and box deltas [B, a, 4] of its a default boxes.

    Returns:
        logits: [B, A, K + 1], the background last. deltas: [B, A, 4].
    """
    logits, deltas = zip(*predictions, strict=True)
    return {
        "logits": tf.concat(logits, axis=1),
        "deltas": tf.concat(deltas, axis=1),
    }


def multibox_losses(
    outputs: dict[str, Any],
    anchors: np.ndarray,
    targets: Targets,
    *,
    foreground: float,
    negatives: float,
    class_weights: np.ndarray | None,
    runtime: Runtime,
) -> dict[str, tf.Tensor]:
    """Return the losses of SSD (paper, equations 1 to 3), divided by the number of positive default boxes.

    They are the softmax cross-entropy of positive and hardest negative default boxes, and the smooth L1 loss of the
    positives' deltas.

    Args:
        outputs: `logits` [B, A, K + 1] and `deltas` [B, A, 4].
        anchors: the default boxes [A, 4], pixels.
        targets: the true boxes.
        foreground: IoU from which a default box is positive.
        negatives: number of negatives per positive of an image.
        class_weights: see `Detector`.
        runtime: what will run it.

    Returns:
        `class` and `box`, scalars.
    """
    matches = match_default_boxes(anchors, *targets.truth, foreground=foreground, runtime=runtime)
    positive = matches.indices >= 0  # [B, A]
    labels = tf.where(positive, gather_rows(targets.labels, matches.indices), -1)
    classes = softmax_cross_entropy(outputs["logits"], labels, targets.looked_for_by_anchor)
    classes = weigh_positives(classes, labels, class_weights)
    chosen = positive | hardest_negatives(classes, positive, matches.indices == NEGATIVE, negatives)

    true_deltas = encode_deltas(anchors, gather_rows(targets.boxes, matches.indices), WEIGHTS)
    boxes = tf.reduce_sum(smooth_l1(outputs["deltas"], true_deltas, beta=1.0), axis=-1)

    count = tf.maximum(sum_over_replicas(tf.reduce_sum(tf.cast(positive, tf.float32))), 1)
    return {"class": sum_where(chosen, classes) / count, "box": sum_where(positive, boxes) / count}


def multibox_candidates(outputs: dict[str, Any], anchors: np.ndarray) -> Candidates:
    """Return the boxes, clipped to the images without padding, and their class probabilities.

    Args:
        outputs: `logits` [B, A, K + 1], `deltas` [B, A, 4] and `extents` [B, 2].
        anchors: the default boxes [A, 4], pixels.
    """
    boxes = decode_deltas(anchors, outputs["deltas"], WEIGHTS)
    return Candidates(clip(boxes, outputs["extents"]), tf.nn.softmax(outputs["logits"])[..., :-1])


def multibox_overlaps(boxes: np.ndarray, anchors: np.ndarray, grids: Grids, ratios: Ratios) -> np.ndarray:
    """Return the IoU of each box with the default box that overlaps it most, float32 [n].

    Args:
        boxes: float32 [n, 4], pixels.
        anchors: the default boxes [A, 4], pixels.
        grids: rows and columns of each map.
        ratios: of the default boxes of each map, as in `default_boxes`.
    """
    return best_overlaps(boxes, by_cell(anchors, grids, [2 + 2 * len(of_map) for of_map in ratios]))
