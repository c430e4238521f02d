"""The candidates of suppression: what can be compared at all, and the best pairs of box and class of each image."""

import numpy as np
import tensorflow as tf

from detect.ops.boxes import FAR
from detect.ops.compiling import (
    Runtime,
    at_most,
    dimension,
    is_exported,
    on_accelerator,
    suits_xla,
    wants_static_shapes,
)
from detect.ops.selection import order_of_rows, positions_of_largest

FLAT = 1_000_000  # scores of one image that an accelerator sorts as they are


def check_at_least_one(most: int) -> None:
    """Raise `ValueError` where no detection is asked for."""
    if most < 1:
        raise ValueError(f"expected room for 1 detection or more, got {most}")


def sound(boxes: tf.Tensor, scores: tf.Tensor, *, runtime: Runtime) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return boxes and scores that can be compared, with which all ways to suppress begin, and each box's best score.

    What has a score or a corner that is NaN or infinite takes no part: its score becomes minus infinity. Boxes end at
    `FAR`. One whose corners are in the wrong order has no area: it begins and ends at its first corner.

    Args:
        boxes: float32 [B, A, 4], or [B, A, K, 4].
        scores: float32 [B, A, K].
        runtime: what will run it. A CPU of this process first looks whether there is anything to do, as there hardly
            ever is.

    Returns:
        Boxes and scores of the same shapes, and [B, A].
    """

    def corrected() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        is_finite = tf.reduce_all(tf.abs(boxes) < np.inf, axis=-1)
        is_finite = is_finite[..., None] if boxes.shape.rank == 3 else is_finite  # one box for all classes
        corners = tf.clip_by_value(tf.where(tf.abs(boxes) < np.inf, boxes, 0.0), -FAR, FAR)
        first = corners[..., :2]
        corners = tf.concat([first, tf.maximum(first, corners[..., 2:])], axis=-1)
        finite_scores = tf.where(is_finite & (scores < np.inf), scores, -np.inf)
        return corners, finite_scores, tf.reduce_max(finite_scores, axis=-1)

    if is_exported(runtime) or suits_xla(runtime):
        return corrected()
    are_sound = tf.reduce_all((boxes[..., 2:] >= boxes[..., :2]) & (boxes[..., 2:] <= FAR) & (boxes[..., :2] >= -FAR))
    best = tf.reduce_max(scores, axis=-1)  # NaN where one of them is
    are_sound &= tf.reduce_all(best < np.inf)
    return tf.cond(are_sound, lambda: (boxes, scores, best), corrected)


def best_pairs(
    boxes: tf.Tensor,
    scores: tf.Tensor,
    candidates: int,
    levels: tuple[int, ...] | None,
    confidence,
    *,
    runtime: Runtime = "local",
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the best pairs of box and class of each image, best first. Equal scores rank by box, then by class.

    Args:
        boxes: float32 [B, A, 4], shared by the classes, or [B, A, K, 4], one for each class.
        scores: float32 [B, A, K].
        candidates: how many pairs there are at most, for each level where there are `levels`.
        levels: how many of the A boxes each pyramid level has.
        confidence: pairs whose scores are not above this may be left out; float or scalar tensor.
        runtime: what will run it.

    Returns:
        boxes [B, C, 4], scores [B, C] and labels int32 [B, C]. C is at most `candidates`, or `candidates` times the
        number of levels; on a CPU it is not more than the number of scores above `confidence` in any image, which is
        usually much smaller.
    """
    boxes, scores, best = sound(boxes, scores, runtime=runtime)
    parts = [best] if levels is None else tf.split(best, levels, axis=1)
    starts = np.cumsum([0, *(levels or ())])
    chosen = [
        _best_of_level(scores, part, start, candidates, confidence, runtime)
        for part, start in zip(parts, starts, strict=False)
    ]
    scores, rows, labels = (tf.concat(values, axis=1) for values in zip(*chosen, strict=True))
    if len(chosen) > 1:  # each is in order, all together are not
        scores, order = tf.math.top_k(scores, dimension(scores, 1))
        rows, labels = (tf.gather(values, order, batch_dims=1) for values in (rows, labels))
    if boxes.shape.rank == 4:  # a box for each class
        classes = dimension(boxes, 2)
        boxes = tf.reshape(boxes, [dimension(boxes, 0), dimension(boxes, 1) * classes, 4])
        rows = rows * classes + labels
    return tf.gather(boxes, rows, batch_dims=1), scores, labels


def _best_of_level(scores, best, start, candidates, confidence, runtime):
    """Return scores, boxes and labels [B, C] of the best pairs of a level, best first.

    `best` [B, a] are the best scores of its boxes, the first of which is box `start`. Only boxes that are among the
    best by their best class can be in one of the best pairs.
    """
    boxes = at_most(candidates, _most_above(best, confidence, runtime))
    if on_accelerator(runtime):
        return _best_by_counting(scores, best, start, candidates)
    best, rows = tf.math.top_k(best, boxes)
    rows = tf.sort(rows) + start  # equal scores rank by box
    few = tf.gather(scores, rows, batch_dims=1)  # [B, C, K]
    classes = dimension(few, 2)
    pairs = tf.reshape(few, [dimension(few, 0), boxes * classes])
    # As many boxes as there are places have a pair at least as good as this: no worse pair can be among the best.
    least = tf.where(boxes < candidates, -float("inf"), tf.reduce_min(best, axis=1, keepdims=True))
    values, position = _best_in_rows(pairs, least, at_most(candidates, dimension(pairs, 1)), confidence, runtime)
    return values, tf.gather(rows, position // classes, batch_dims=1), position % classes


def _most_above(values, confidence, runtime):
    """Return the largest number of `values` [B, n] above `confidence` in any row, at least 1; n for static shapes.

    With 8 images that have 60 such pairs in all, suppression takes 2.1 ms instead of 8.0; where all places are taken,
    an eighth more than without counting.
    """
    length = dimension(values, 1)
    if wants_static_shapes(runtime):
        return length
    above = tf.reduce_max(tf.math.count_nonzero(values > confidence, axis=1, dtype=tf.int32))
    return tf.minimum(tf.maximum(above, 1), length)


def _best_in_rows(values, least, count, confidence, runtime):
    """Return the `count` largest of each row of `values` [B, n] and their positions, [B, count] each, in order.

    All of them are known to be `least` [B, 1] or more, and those that are not above `confidence` may be left out. On
    a CPU the others are thrown out first: of 8 rows of 80,000 the best 1,000 are found in 1.6 ms instead of 3.4.
    """
    if wants_static_shapes(runtime):
        return tf.math.top_k(values, count)
    may_be = (values >= least) & (values > confidence)
    places = tf.where(may_be)  # [m, 2], row by row, in order
    counts = tf.math.count_nonzero(may_be, axis=1)
    column = tf.range(tf.shape(places, tf.int64)[0]) - tf.gather(tf.cumsum(counts, exclusive=True), places[:, 0])
    spots = tf.stack([places[:, 0], column], axis=1)
    images, length = tf.unstack(tf.shape(values, tf.int64))
    most = tf.minimum(tf.maximum(tf.reduce_max(counts), 1), length)
    few = tf.tensor_scatter_nd_update(tf.fill([images, most], -float("inf")), spots, tf.gather_nd(values, places))
    best, order = tf.math.top_k(few, tf.minimum(tf.cast(most, tf.int32), count))
    columns = tf.scatter_nd(spots, tf.cast(places[:, 1], tf.int32), [images, most])
    return best, tf.gather(columns, order, batch_dims=1)


def _best_by_counting(scores, best, start, candidates):
    """Return what `_best_of_level` does, on an accelerator. XLA has a fast way to sort a long row, but not several."""
    length, classes = dimension(best, 1), dimension(scores, 2)
    if best.shape[0] == 1 and isinstance(length, int) and length * classes <= FLAT:
        pairs = tf.reshape(scores[0, start : start + length], [length * classes])
        order = tf.math.top_k(pairs, length * classes).indices  # all of them: fewer are sorted in another, slower way
        position = order[None, : at_most(candidates, length * classes)]
        return tf.gather(pairs, position), start + position // classes, position % classes
    rows = start + positions_of_largest(best, at_most(candidates, length))
    pairs = tf.gather(scores, rows, batch_dims=1)  # [B, C, K]
    pairs = tf.reshape(pairs, [dimension(pairs, 0), dimension(rows, 1) * classes])
    position = positions_of_largest(pairs, at_most(candidates, dimension(pairs, 1)))
    values = tf.gather(pairs, position, batch_dims=1)
    order = order_of_rows(values)
    values, position = (tf.gather(each, order, batch_dims=1) for each in (values, position))
    return values, tf.gather(rows, position // classes, batch_dims=1), position % classes
