"""Regions that may hold an object: what the first stage of a detector hands to its second (Ren et al. 2015, section 3).

Their number is fixed and the rest is padding, so both stages are one compiled step.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from detect.ops.boxes import clip
from detect.ops.coding import decode_deltas
from detect.ops.compiling import Runtime, at_most, compiled, dimension, on_accelerator
from detect.ops.matching import NEGATIVE, match_by_iou
from detect.ops.nms import suppress
from detect.ops.sampling import sample_balanced
from detect.ops.selection import positions_of_largest

SMALLEST_SIDE = 1e-3  # pixels; narrower boxes are not proposed, as in torchvision


class Regions(NamedTuple):
    """Boxes of R regions of each image, in pixels of the image."""

    boxes: tf.Tensor  # float32 [B, R, 4]
    valid: tf.Tensor  # bool [B, R]: False where a row is padding, whatever its box


@compiled
def propose_regions(
    anchors: tf.Tensor,
    objectness: tf.Tensor,
    deltas: tf.Tensor,
    extents: tf.Tensor,
    *,
    levels: tuple[int, ...],
    iou: float = 0.7,
    confidence: float = 0.0,
    candidates: int = 1000,
    keep: int = 1000,
    runtime: Runtime = "local",
) -> Regions:
    """Return the regions of each image that are most likely to hold an object (Lin et al. 2017, FPN, section 4.1).

    No gradient flows.

    Args:
        anchors: [A, 4].
        objectness: logits [B, A].
        deltas: [B, A, 4], as `decode_deltas` reads them.
        extents: [B, 2], height and width in pixels of each image without its padding; regions are clipped to it.
        levels: how many of the A anchors each pyramid level has.
        iou: regions of one level that overlap more than this are one.
        confidence: regions of a lower objectness, 0..1, are not proposed.
        candidates: how many of each level enter suppression, the best by objectness.
        keep: R.
        runtime: what will run it; "minimal" takes one image.

    Returns:
        R regions per image, most likely first, then padding.
    """
    objectness, deltas = tf.stop_gradient(objectness), tf.stop_gradient(deltas)
    rows = _best_of_each_level(objectness, levels, candidates, runtime)  # [B, C]
    boxes = decode_deltas(tf.gather(anchors, rows), tf.gather(deltas, rows, batch_dims=1))
    boxes = clip(boxes, extents)
    scores = tf.gather(objectness, rows, batch_dims=1)
    narrow = tf.reduce_min(boxes[..., 2:] - boxes[..., :2], axis=-1) < SMALLEST_SIDE
    scores = tf.where(narrow | (tf.sigmoid(scores) < confidence), -np.inf, scores)
    groups = np.repeat(np.arange(len(levels), dtype=np.int32), [min(candidates, count) for count in levels])
    groups = tf.broadcast_to(groups, tf.shape(scores))
    boxes, _, valid = suppress(boxes, scores, iou=iou, keep=keep, groups=groups, runtime=runtime)
    return Regions(boxes, valid)


@compiled
def sample_regions(
    regions: Regions,
    boxes: tf.Tensor,
    labels: tf.Tensor,
    ignore: tf.Tensor,
    *,
    size: int = 512,
    positive_share: float = 0.25,
    foreground: float = 0.5,
    seed: tf.Tensor,
    runtime: Runtime = "local",
) -> Regions:
    """Draw the regions of each image that the second stage learns from (Girshick 2015, Fast R-CNN, section 2.3).

    True boxes are regions too, so that there are good ones from the first step on. Regions that overlap a true box by
    `foreground` or more are positive; the others are negative, unless they lie in a region to ignore.

    Args:
        regions: proposals.
        boxes: [B, N, 4], true boxes.
        labels: int32 [B, N], -1 in padded rows.
        ignore: bool [B, N], regions that are neither positive nor negative.
        size: R, how many are drawn per image.
        positive_share: the largest share of positives among them; negatives make up the rest.
        foreground: IoU with a true box from which a region is positive.
        seed: integers [2]. Equal seeds draw alike.
        runtime: what will run it.

    Returns:
        R regions per image. Where fewer were drawn, the others follow, as padding.
    """
    real = (labels >= 0) & ~ignore
    regions = Regions(tf.concat([regions.boxes, boxes], axis=1), tf.concat([regions.valid, real], axis=1))
    matches = match_by_iou(
        regions.boxes,
        boxes,
        labels,
        ignore,
        foreground=foreground,
        background=foreground,
        low_quality=False,
        runtime=runtime,
    )
    positive = (matches.indices >= 0) & regions.valid
    negative = (matches.indices == NEGATIVE) & regions.valid
    positive, negative = sample_balanced(positive, negative, size, positive_share, seed)
    drawn = positive | negative
    order = tf.math.top_k(tf.cast(drawn, tf.int32), at_most(size, dimension(drawn, 1))).indices
    return Regions(tf.gather(regions.boxes, order, batch_dims=1), tf.gather(drawn, order, batch_dims=1))


def _best_of_each_level(
    scores: tf.Tensor, levels: tuple[int, ...], candidates: int, runtime: Runtime = "local"
) -> tf.Tensor:
    """Return the positions [B, C] in `scores` [B, A] of the best of each level, level by level.

    Within a level the best are first, or on an accelerator the lowest positions: equal ones are in the same order.
    """
    starts = np.cumsum([0, *levels[:-1]])
    parts = tf.split(scores, levels, axis=1)
    counts = [min(candidates, count) for count in levels]
    if on_accelerator(runtime):
        best = [positions_of_largest(part, count) for part, count in zip(parts, counts, strict=True)]
    else:
        best = [tf.math.top_k(part, count).indices for part, count in zip(parts, counts, strict=True)]
    return tf.concat([rows + int(start) for rows, start in zip(best, starts, strict=True)], axis=1)
