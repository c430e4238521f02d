"""Queries that are true boxes with noise, from which a decoder learns to find the boxes again.

Contrastive denoising: Zhang et al. 2023, DINO, arXiv 2203.03605, section 3.3, as in RT-DETR and D-FINE (authors' code,
`denoising.py`).
"""

from typing import NamedTuple

import tensorflow as tf

from detect.ops.compiling import compiled, dimension
from detect.ops.matching import NEGATIVE, NEITHER, gather_rows
from detect.ops.relative_boxes import from_corners, to_corners

DRAWS = 10  # random numbers of a query


class NoisyQueries(NamedTuple):
    """Denoising queries of a batch, S in each image."""

    labels: tf.Tensor  # int32 [B, S]: classes with noise, K where there is no true box
    boxes: tf.Tensor  # float32 [B, S, 4]: relative boxes with noise within the image, zeros where there is no true box
    # int32 [B, S]: the true box 0..N-1 to be found, NEGATIVE where there is none, NEITHER where a place is not used
    indices: tf.Tensor
    group: tf.Tensor  # int32 [S]: queries of one group may see each other; -1 where a place is not used


@compiled
def noisy_queries(
    boxes: tf.Tensor,
    labels: tf.Tensor,
    real: tf.Tensor,
    luck: tf.Tensor,
    *,
    most: int | tf.Tensor,
    classes: int,
    label_noise: float = 0.5,
    box_noise: float = 1.0,
) -> NoisyQueries:
    """Return true boxes with noise in groups, each with a positive and a negative query for every box.

    With `most` boxes in an image, a group has twice that many queries: first the positive ones of the boxes, whose
    edges are moved by less than half a side times `box_noise`, then the negative ones, whose edges are moved by one to
    two halves. There are as many groups as S places hold, and 1 at least; the boxes of an image for which one group has
    no places have none (in the authors' code the number of queries is not fixed). Images with fewer boxes have negative
    queries without a label in place of the others, as in the authors' code.

    Args:
        boxes: relative boxes, float32 [B, N, 4].
        labels: int32 [B, N].
        real: bool [B, N], the rows that are true boxes.
        luck: random numbers in 0..1, float32 [B, S, DRAWS], where S is even.
        most: largest number of true boxes of an image, 0 or more.
        classes: K.
        label_noise: twice the probability that a query has a random class.
        box_noise: scale of the noise of boxes.

    Returns:
        The `NoisyQueries` of each image.
    """
    places = dimension(luck, 1)
    most = tf.minimum(most, places // 2)
    group, place = _places(places, most)
    order = tf.argsort(tf.cast(~real, tf.int32), axis=1, stable=True)  # true boxes first
    count = tf.math.count_nonzero(real, axis=1, dtype=tf.int32)[:, None]
    box = place % tf.maximum(most, 1)
    found = (group >= 0) & (box < count)  # [B, S]
    rows = tf.where(found, tf.gather(tf.pad(order, [[0, 0], [0, 1]]), tf.where(found, box, 0), batch_dims=1), -1)
    negative = place >= most
    indices = tf.where(found & ~negative, rows, tf.where(group >= 0, NEGATIVE, NEITHER))
    own = tf.where(found, gather_rows(labels, rows), classes)
    random = tf.cast(luck[..., 1] * classes, tf.int32)
    noisy = tf.where(found & (luck[..., 0] < label_noise / 2), random, own)
    return NoisyQueries(noisy, _moved(gather_rows(boxes, rows), negative, luck, box_noise), indices, group)


@compiled
def may_attend(group: tf.Tensor, queries: int) -> tf.Tensor:
    """Return which query may attend to which, bool [S + Q, S + Q]: rows attend to columns, denoising queries are first.

    All may attend to the Q matched queries, and denoising queries also to those of their own group: others would give
    away the answer.

    Args:
        group: of each denoising query, int32 [S].
        queries: Q.
    """
    matched = tf.reduce_min(group, axis=0) - 1  # a group of their own
    group = tf.concat([group, tf.fill([queries], matched)], axis=0)
    return (group[:, None] == group) | (group == matched)


def _places(places, most):
    """Return the group of each place, [S], -1 where it is not used, and its number within the group, [S]."""
    of_group = tf.maximum(2 * most, 1)
    number = tf.range(places)
    used = (number // of_group < tf.maximum(places // of_group, 1)) & (most > 0)
    return tf.where(used, number // of_group, -1), number % of_group


def _moved(boxes, negative, luck, noise):
    """Return boxes [B, S, 4] with their edges moved at random, those of `negative` queries farther."""
    sign = tf.where(luck[..., 2:6] < 0.5, -1.0, 1.0)
    part = luck[..., 6:10] + tf.cast(negative, tf.float32)[:, None]
    half = tf.concat(2 * [boxes[..., 2:]], axis=-1) / 2
    corners = tf.clip_by_value(to_corners(boxes) + sign * part * half * noise, 0.0, 1.0)
    moved = from_corners(corners)
    return tf.concat([moved[..., :2], tf.abs(moved[..., 2:])], axis=-1)  # edges of negative ones may change places
