"""The losses of detectors with queries: every layer's queries are matched to the true boxes, one to one.

Carion et al. 2020, DETR, arXiv 2005.12872; what differs between its successors is in `QueryLoss`.

A query that is not matched is background, unless more than half of its box lies in an ignored region, and more than in
any true box: then it has no class loss. In an image that is not labelled completely, classes that were not looked for
have none either.
"""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from detect.layers.decoder_layer import Decoded
from detect.ops.boxes import giou, paired_iou
from detect.ops.compiling import Runtime, dimension
from detect.ops.denoising import NoisyQueries
from detect.ops.distribution_losses import distillation, fine_grained_localization, positions_among
from detect.ops.distributions import distances_of
from detect.ops.hungarian import optimal_assignment
from detect.ops.losses import weigh_positives
from detect.ops.matching import NEGATIVE, gather_rows
from detect.ops.relative_boxes import from_pixels
from detect.ops.replicas import sum_over_replicas
from detect.ops.score_losses import held_varifocal, iou_aware_cross_entropy, matchability_aware
from detect.ops.set_matching import (
    boxes_of_queries,
    corners_of,
    in_ignored_regions,
    late_matching_costs,
    matching_costs,
    matching_union,
)
from detect.structures import Targets

SCORE_LOSSES = {
    "varifocal": held_varifocal,
    "matchability": matchability_aware,
    "iou": iou_aware_cross_entropy,
}


@dataclass(frozen=True)
class QueryLoss:
    """Choice of the losses of a model. The default weights are those of all published recipes.

    Attributes:
        scores: loss of the scores, see `ops.score_losses`.
        union: whether boxes are learned from the matches of all layers together, see `matching_union`.
        groups: equal parts of the queries, each of which is matched on its own (Chen et al. 2023, Group DETR, arXiv
            2207.13085).
        late: whether queries are matched by `late_matching_costs` in the closing phase.
        l1, giou, fgl, ddf: weights of the losses of these names; that of the scores has 1.
    """

    scores: Literal["varifocal", "matchability", "iou"]
    union: bool = False
    groups: int = 1
    late: bool = False
    l1: float = 5.0
    giou: float = 2.0
    fgl: float = 0.15
    ddf: float = 1.5


class Predictions(NamedTuple):
    """Predictions for Q queries after each of L layers, the last layer last; boxes are `relative_boxes`."""

    logits: tf.Tensor  # float32 [L, B, Q, K]
    boxes: tf.Tensor  # float32 [L, B, Q, 4]
    # float32 [l, B, Q, 4 * n]: logits of the distances of sides, of the last l layers; learnt where there is a `union`
    corners: tf.Tensor | None = None
    references: tf.Tensor | None = None  # float32 [l, B, Q, 4] or [B, Q, 4]: the boxes from which distances count


class Distances(NamedTuple):
    """Values of the distributions of `corners`."""

    values: np.ndarray  # float32 [n], see `weighting_values`
    scale: float


class _Truth(NamedTuple):
    boxes: tf.Tensor  # float32 [B, N, 4], relative
    labels: tf.Tensor  # int32 [B, N]
    real: tf.Tensor  # bool [B, N]
    ignore: tf.Tensor  # bool [B, N]
    looked_for: tf.Tensor | None  # bool [B, 1, K]


class _Found(NamedTuple):
    """The true box of each query, int32 [..., B, Q], NEGATIVE or NEITHER; for its scores, and for its box."""

    scores: tf.Tensor
    boxes: tf.Tensor


def stacked(decoded: Decoded) -> Predictions:
    """Return what the layers of a decoder say. No gradient flows to the boxes that their distances refer to."""
    references = None if decoded.references is None else tf.stop_gradient(decoded.references)
    corners = tf.stack(decoded.corners) if decoded.corners else None
    return Predictions(tf.stack(decoded.class_logits), tf.stack(decoded.boxes), corners, references)


def query_losses(
    settings: QueryLoss,
    decoder: Predictions,
    targets: Targets,
    size: tuple[int, int],
    *,
    proposals: Predictions | None = None,
    noise: NoisyQueries | None = None,
    distances: Distances | None = None,
    class_weights: np.ndarray | None = None,
    closing: float | tf.Tensor = 0.0,
    runtime: Runtime = "local",
) -> dict[str, tf.Tensor]:
    """Return the losses of a detector with queries, each summed over the layers.

    Args:
        settings: what they are.
        decoder: the predictions of the decoder's layers, those for denoising queries first.
        targets: the truth.
        size: height and width of the images, pixels.
        proposals: the predictions of the encoder, in one layer, of as many queries.
        noise: the denoising queries, if there are any.
        distances: where the distributions of `corners` are learnt.
        class_weights: see `Detector`.
        closing: see `Detector.loss`.
        runtime: what will run it.

    Returns:
        `class`, `l1` and `giou` of the decoder, over the number of true boxes, or that of matched queries where `union`
        matches more; `fgl` and `ddf` where there are `distances`; the sum of them all for `proposals` and `denoising`.
    """
    truth = _truth(targets, size)
    places = 0 if noise is None else noise.labels.shape[1]
    denoising, decoder = _of_queries(decoder, slice(places)), _of_queries(decoder, slice(places, None))
    every = decoder if proposals is None else _joined(decoder, proposals)
    own = _match(settings, every, truth, closing, runtime)  # [L, B, Q]
    found = _Found(own, matching_union(own) if settings.union else own)
    boxes, matched, noisy = _numbers(truth, found.boxes, noise)
    boxes = tf.maximum(boxes, 1) * settings.groups
    counts = boxes, tf.maximum(matched[0], 1) if settings.union else boxes
    by_layer = _losses_by_layer(settings, every, found, truth, counts, class_weights)  # [L] each
    layers = dimension(decoder.logits, 0)
    losses = {name: tf.reduce_sum(values[:layers]) for name, values in by_layer.items()}
    split = _split(matched)
    if distances is not None:
        losses |= _distribution_losses(settings, decoder, found.boxes, truth, matched, split, distances)
    if proposals is not None:
        losses["proposals"] = tf.add_n([tf.reduce_sum(values[layers:]) for values in by_layer.values()])
    if noise is not None:
        parts = _denoising_losses(settings, denoising, noise, truth, noisy, split, distances, class_weights)
        losses["denoising"] = tf.add_n(list(parts.values()))
    return losses


def _truth(targets: Targets, size: tuple[int, int]) -> _Truth:
    boxes = from_pixels(targets.boxes, *size)
    real = (targets.labels >= 0) & ~targets.ignore
    return _Truth(boxes, targets.labels, real, targets.ignore, targets.looked_for_by_anchor)


def _of_queries(predictions: Predictions, part: slice) -> Predictions:
    """Return the predictions for some of the queries."""
    return Predictions(*(None if values is None else values[..., part, :] for values in predictions))


def _joined(decoder: Predictions, proposals: Predictions) -> Predictions:
    logits = tf.concat([decoder.logits, proposals.logits], axis=0)
    return Predictions(logits, tf.concat([decoder.boxes, proposals.boxes], axis=0))


def _match(
    settings: QueryLoss, queries: Predictions, truth: _Truth, closing: float | tf.Tensor, runtime: Runtime
) -> tf.Tensor:
    """Return the true box of each query, int32 [L, B, Q], NEGATIVE where there is none: all layers in one call."""
    order = tf.argsort(tf.cast(~truth.real, tf.int32), axis=1, stable=True)  # true boxes first
    labels, boxes = (tf.gather(rows, order, batch_dims=1) for rows in (truth.labels, truth.boxes))
    costs = matching_costs(queries.logits, queries.boxes, labels, boxes)  # [L, B, Q, N]
    if settings.late:
        late = late_matching_costs(queries.logits, queries.boxes, labels, boxes)
        costs = tf.where(tf.cast(closing, tf.float32) > 0, late, costs)
    layers, batch, count, rows = (dimension(costs, axis) for axis in range(4))
    count //= settings.groups
    numbers = tf.math.count_nonzero(truth.real, axis=1, dtype=tf.int32)
    numbers = tf.tile(tf.repeat(numbers, settings.groups), [layers])
    costs = tf.reshape(costs, [layers * batch * settings.groups, count, rows])
    assigned = optimal_assignment(costs, numbers, runtime=runtime)
    places = tf.reshape(boxes_of_queries(assigned, count), [layers, batch, settings.groups * count])
    return _of_boxes(tf.cast(order, tf.int32) + 1, places) - 1


def _of_boxes(values: tf.Tensor, indices: tf.Tensor) -> tf.Tensor:
    """Return the rows of `values` [B, N, ...] at `indices` [..., B, Q]; zeros where an index is negative."""
    if indices.shape.rank == 2:
        return gather_rows(values, indices)
    return tf.stack([gather_rows(values, each) for each in tf.unstack(indices)])


def _numbers(
    truth: _Truth, indices: tf.Tensor, noise: NoisyQueries | None
) -> tuple[tf.Tensor, list[tf.Tensor], list[tf.Tensor]]:
    """Return numbers in the whole batch, of all replicas, float32: all are summed at once.

    Args:
        truth: the true boxes.
        indices: that of each query, int32 [..., B, Q].
        noise: the denoising queries, if there are any.

    Returns:
        The number of true boxes; those of matched queries and of the others; and these two of denoising queries.
    """
    every = [indices] if noise is None else [indices, noise.indices]
    masks = [truth.real, *(mask for each in every for mask in (each >= 0, each == NEGATIVE))]
    sums = tf.stack([tf.reduce_sum(tf.cast(mask, tf.float32)) for mask in masks])
    boxes, *numbers = tf.unstack(sum_over_replicas(sums))
    return boxes, numbers[:2], numbers[2:]


def _losses_by_layer(
    settings: QueryLoss,
    queries: Predictions,
    found: _Found,
    truth: _Truth,
    counts: tuple[tf.Tensor, tf.Tensor],
    class_weights: np.ndarray | None,
) -> dict[str, tf.Tensor]:
    """Return `class`, over the first of `counts`, and `l1` and `giou`, over the second, of each layer: [L] each."""
    scores = tf.where(_has_class_loss(queries, found, truth), _score_losses(settings, queries, found, truth), 0.0)
    scores = weigh_positives(scores, _labels(truth, found.scores), class_weights)
    true, matched = _of_boxes(truth.boxes, found.boxes), found.boxes >= 0
    l1 = tf.where(matched, tf.reduce_sum(tf.abs(queries.boxes - true), axis=-1), 0.0)
    overlap = tf.where(matched, 1 - giou(corners_of(queries.boxes), corners_of(true)), 0.0)
    return {
        "class": tf.reduce_sum(scores, axis=[1, 2]) / counts[0],
        "l1": settings.l1 * tf.reduce_sum(l1, axis=[1, 2]) / counts[1],
        "giou": settings.giou * tf.reduce_sum(overlap, axis=[1, 2]) / counts[1],
    }


def _labels(truth: _Truth, indices: tf.Tensor) -> tf.Tensor:
    """Return the labels of queries, [..., B, Q], -1 where they are not matched."""
    return tf.where(indices >= 0, _of_boxes(truth.labels, indices), -1)


def _score_losses(settings: QueryLoss, queries: Predictions, found: _Found, truth: _Truth) -> tf.Tensor:
    quality = _ious(queries.boxes, found.scores, truth)
    labels = tf.broadcast_to(_labels(truth, found.scores), tf.shape(quality))
    return SCORE_LOSSES[settings.scores](queries.logits, labels, quality, looked_for=truth.looked_for)


def _ious(boxes: tf.Tensor, indices: tf.Tensor, truth: _Truth) -> tf.Tensor:
    """Return the IoU of each query's box with its true one, [L, B, Q]; no gradient flows."""
    return tf.stop_gradient(paired_iou(corners_of(boxes), corners_of(_of_boxes(truth.boxes, indices))))


def _has_class_loss(queries: Predictions, found: _Found, truth: _Truth) -> tf.Tensor:
    ignored = in_ignored_regions(queries.boxes, truth.boxes, truth.real, truth.ignore)
    return (found.scores >= 0) | ((found.scores == NEGATIVE) & ~ignored)


def _distribution_losses(
    settings: QueryLoss,
    queries: Predictions,
    indices: tf.Tensor,
    truth: _Truth,
    numbers: list[tf.Tensor],
    split: tf.Tensor,
    distances: Distances,
) -> dict[str, tf.Tensor]:
    """Return `fgl` and `ddf` of D-FINE (sections 4.1 and 4.2 of its paper) of all layers together.

    Args:
        settings: of the losses.
        queries: with `corners` in l layers.
        indices: the true boxes of queries, the same in all layers, int32 [B, Q].
        truth: the true boxes.
        numbers: of matched and of other queries.
        split: shares of these two in `ddf`.
        distances: what the distributions are over.
    """
    corners, references = queries.corners, queries.references
    if corners is None or references is None:
        return {}
    boxes, logits = queries.boxes[-corners.shape[0] :], queries.logits[-1]
    true = _of_boxes(truth.boxes, indices)
    ious = _ious(boxes, indices, truth)
    positions = positions_among(distances_of(true, references, distances.scale), distances.values)
    fgl = tf.where(indices >= 0, ious * fine_grained_localization(corners, positions), 0.0)
    confidence = tf.stop_gradient(tf.reduce_max(tf.sigmoid(logits), axis=-1))
    divergence = distillation(corners[:-1], corners[-1]) / 4  # sides
    ddf = tf.where(indices >= 0, ious[:-1], confidence) * divergence
    masks = indices >= 0, indices == NEGATIVE
    counts = [tf.maximum(number, 1) for number in numbers]
    means = [tf.reduce_sum(tf.where(mask, ddf, 0.0)) / count for mask, count in zip(masks, counts, strict=True)]
    return {
        "fgl": settings.fgl * tf.reduce_sum(fgl) / counts[0],
        "ddf": settings.ddf * tf.reduce_sum(split * tf.stack(means)),
    }


def _split(numbers: list[tf.Tensor]) -> tf.Tensor:
    """Return the shares of matched and of other queries in the distillation, [2]: as the roots of their numbers."""
    roots = tf.sqrt(tf.stack(numbers))
    return roots / tf.maximum(tf.reduce_sum(roots), 1)


def _denoising_losses(
    settings: QueryLoss,
    queries: Predictions,
    noise: NoisyQueries,
    truth: _Truth,
    numbers: list[tf.Tensor],
    split: tf.Tensor,
    distances: Distances | None,
    class_weights: np.ndarray | None,
) -> dict[str, tf.Tensor]:
    """Return the losses of denoising queries, which know their true boxes. `split` is that of the other queries."""
    count = tf.maximum(numbers[0], 1)
    found = _Found(noise.indices, noise.indices)
    losses: dict[str, Any] = _losses_by_layer(settings, queries, found, truth, (count, count), class_weights)
    losses = {name: tf.reduce_sum(values) for name, values in losses.items()}
    if distances is not None:
        losses |= _distribution_losses(settings, queries, noise.indices, truth, numbers, split, distances)
    return losses
