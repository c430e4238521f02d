"""Greedy non-maximum suppression of a batch: of the boxes of one class that overlap, the one with the best score stays.

On a CPU a C++ kernel of TensorFlow does it. On an accelerator, and wherever XLA compiles the caller, it is a fixed
point: a box stays if no box of a better rank that stays overlaps it. Starting from all boxes and applying this again
and again, each round settles one more box of every chain of overlaps; after a few rounds nothing changes. Both get the
same ranks, so they keep the same boxes, and so does the operation for runtimes that have neither.
"""

import numpy as np
import tensorflow as tf

from detect.ops.boxes import iou as pairwise_iou
from detect.ops.compiling import (
    Runtime,
    at_most,
    compiled,
    dimension,
    fused,
    on_accelerator,
    suits_xla,
    wants_static_shapes,
)
from detect.ops.matching import gather_rows
from detect.ops.selection import at_ranks, order_of_rows, positions_of_largest
from detect.structures import Detections

FLAT = 1_000_000  # scores of one image that an accelerator sorts as they are
TILE = 2048  # boxes that the fixed point settles at once: memory grows with TILE * C, not with C * C
ROUNDS = 6  # of the fixed point between two looks at whether it is reached, for which an accelerator waits for the host


@compiled
def non_maximum_suppression(
    boxes: tf.Tensor,
    scores: tf.Tensor,
    *,
    iou,
    confidence,
    max_detections: int,
    candidates: int,
    levels: tuple[int, ...] | None = None,
    of_class: int | None = None,
    runtime: Runtime = "local",
) -> Detections:
    """Return the best boxes of each image after suppression within each class.

    Equal scores rank by box, then by class, so the result is the same everywhere. Differs from Megvii YOLOX, where a
    box competes in its best class only.

    Args:
        boxes: float32 [B, A, 4], shared by the classes, or [B, A, K, 4], one for each class.
        scores: float32 [B, A, K] in 0..1.
        iou: boxes of one class that overlap more than this are one object; float or scalar tensor.
        confidence: scores have to be above this; float or scalar tensor.
        max_detections: D.
        candidates: how many (box, class) pairs of an image enter, the best by score; the others are dropped unseen.
        levels: how many of the A boxes each pyramid level has; `candidates` then counts for each level, as in the
            papers of RetinaNet and FCOS.
        of_class: how many candidates of one class enter at most, the best by score, as in SSD.
        runtime: what will run it; "minimal" takes one image.

    Returns:
        D rows per image, best score first, padded with zeros and the label -1.
    """
    classes = dimension(scores, 2)
    boxes, scores, labels = best_pairs(boxes, scores, candidates, levels, confidence, runtime=runtime)
    alive = scores > confidence
    if of_class is not None:
        alive &= _place_in_class(labels, classes) <= of_class
    rows = _kept_rows(boxes, alive, labels, classes, iou, max_detections, runtime)
    labels = gather_rows(labels + 1, rows) - 1
    return Detections(gather_rows(boxes, rows), gather_rows(scores, rows), labels)


def combined_suppression(boxes: tf.Tensor, scores: tf.Tensor, *, iou, confidence, max_detections: int) -> Detections:
    """Return what `non_maximum_suppression` does, by one operation of TensorFlow in which all boxes take part.

    For converters that translate this operation, `CombinedNonMaxSuppression`, as a whole. Where fewer than D boxes
    would be left of a limited number of candidates, more follow after them here.

    Args:
        boxes: float32 [B, A, 4], shared by the classes, or [B, A, K, 4], one for each class.
        scores: float32 [B, A, K] in 0..1.
        iou: boxes of one class that overlap more than this are one object; float or scalar tensor.
        confidence: scores have to be above this; float or scalar tensor.
        max_detections: D.

    Returns:
        D rows per image, best score first, padded with zeros and the label -1.
    """
    found = _combined(boxes, scores, iou, confidence, max_detections)
    real = tf.range(max_detections) < found.valid_detections[:, None]
    return Detections(found.nmsed_boxes, found.nmsed_scores, tf.where(real, tf.cast(found.nmsed_classes, tf.int32), -1))


@compiled
def suppress(
    boxes: tf.Tensor, scores: tf.Tensor, *, iou, keep: int, groups: tf.Tensor | None = None, runtime: Runtime = "local"
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the best boxes of each image, best first, whatever their class: proposals (Ren et al. 2015, section 3.3).

    Equal scores rank by box.

    Args:
        boxes: float32 [B, C, 4].
        scores: float32 [B, C], any numbers, logits too; boxes with a score of minus infinity take no part.
        iou: boxes that overlap more than this are one object; float or scalar tensor.
        keep: rows of the result.
        groups: int32 [B, C], 0 or more: boxes of different groups, such as pyramid levels, do not compete.
        runtime: what will run it; "minimal" takes one image.

    Returns:
        boxes [B, keep, 4], scores [B, keep] and valid bool [B, keep]; rows that are not valid are zeros.
    """
    scores, order = tf.math.top_k(scores, dimension(scores, 1))
    boxes = tf.gather(boxes, order, batch_dims=1)
    groups = tf.zeros_like(order) if groups is None else tf.gather(groups, order, batch_dims=1)
    count = tf.maximum(tf.reduce_max(groups), 0) + 1
    rows = _kept_rows(boxes, scores > -float("inf"), groups, count, iou, keep, runtime)
    return gather_rows(boxes, rows), gather_rows(scores, rows), rows >= 0


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
    best = tf.reduce_max(scores, axis=-1)  # [B, A]
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


def _place_in_class(labels, classes):
    """Return how many pairs [B, C] of the same class there are up to each of those in order, itself included."""
    counts = tf.cumsum(tf.one_hot(labels, classes, dtype=tf.int32), axis=1)  # [B, C, K]
    return tf.gather(counts, labels, batch_dims=2)


def _kept_rows(boxes, alive, groups, group_count, iou, keep, runtime):
    """Return the rows [B, keep] of the boxes that stay, best first, padded with -1.

    boxes [B, C, 4] are in order, best first; `alive` bool [B, C] take part; boxes compete within `groups` int32 [B, C].
    """
    if runtime == "minimal":
        return _keep_of_one_image(boxes, alive, groups, iou, keep)
    if suits_xla(runtime):
        return _keep_by_fixed_point(boxes, alive, groups, iou, keep)
    return _keep_by_kernel(boxes, alive, groups, group_count, iou, keep)


def _keep_by_kernel(boxes, alive, groups, group_count, iou, keep):
    """Return the rows that TensorFlow's C++ kernel keeps.

    It takes a column of scores for each group. The rank of a box, C for the best and 1 for the last, stands for its
    score, so no two are equal; where the rank is 0, the box takes no part.
    """
    length = dimension(boxes, 1)
    ranks = tf.where(alive, tf.range(length, 0, -1), 0)
    columns = tf.one_hot(groups, group_count) * tf.cast(ranks, tf.float32)[..., None]  # [B, C, groups]
    kept = _combined(boxes, columns, iou, 0.0, keep)
    ranks = tf.cast(kept.nmsed_scores, tf.int32)
    return tf.where(ranks > 0, length - ranks, -1)


def _combined(boxes, scores, iou, confidence, keep):
    """Return what the kernel keeps of boxes [B, A, 4] or [B, A, K, 4] with scores [B, A, K]."""
    return tf.image.combined_non_max_suppression(
        boxes if boxes.shape.rank == 4 else boxes[:, :, None],
        scores,
        max_output_size_per_class=keep,
        max_total_size=keep,
        iou_threshold=iou,
        score_threshold=confidence,
        clip_boxes=False,
    )


def _keep_of_one_image(boxes, alive, groups, iou, keep):
    """Return the rows that `NonMaxSuppressionV5` keeps, an operation for one image that knows no groups.

    So that groups do not compete, each gets a part of the plane for itself.
    """
    if boxes.shape[0] not in (1, None):
        raise ValueError(f"expected one image for a minimal runtime, got {boxes.shape[0]}: call it for each")
    boxes, alive, groups = boxes[0], alive[0], groups[0]
    room = tf.reduce_max(boxes) - tf.reduce_min(boxes) + 1
    rows, _, count = tf.raw_ops.NonMaxSuppressionV5(
        boxes=_with_areas(boxes + (room * tf.cast(groups, tf.float32))[:, None]),
        scores=tf.cast(tf.where(alive, tf.range(dimension(boxes, 0), 0, -1), 0), tf.float32),  # as by the kernel
        max_output_size=keep,
        iou_threshold=iou,
        score_threshold=0.5,
        soft_nms_sigma=0.0,
        pad_to_max_output_size=True,
    )
    return tf.where(tf.range(keep) < count, rows, -1)[None]


def _with_areas(boxes):
    """Return boxes [C, 4], each of those without an area replaced by a square that overlaps no other.

    A box without an area, such as one that was clipped at an edge, does not overlap itself either. LiteRT 2.3 takes
    it as often as there are places: it keeps what it has taken in its queue until that is suppressed by itself.
    """
    places = tf.range(1, dimension(boxes, 0) + 1, dtype=tf.float32)
    squares = (tf.reduce_min(boxes) - 2 * places)[:, None] + tf.constant([0.0, 0.0, 1.0, 1.0])
    is_empty = tf.reduce_any(boxes[:, 2:] <= boxes[:, :2], axis=1, keepdims=True)
    return tf.where(is_empty, squares, boxes)


@fused
def _keep_by_fixed_point(boxes, alive, groups, iou, keep):
    """Return the rows that stay in the fixed point, which is found tile by tile where there are many boxes."""
    length = dimension(boxes, 1)
    if isinstance(length, int) and length <= TILE:
        kept = _settle(boxes, alive, groups, iou)
    else:
        kept = _settle_tiles(boxes, alive, groups, iou, keep)
    place = tf.cumsum(tf.cast(kept, tf.int32), axis=1) - 1
    return at_ranks(tf.range(1, length + 1), tf.where(kept, place, -1), keep) - 1


def _settle_tiles(boxes, alive, groups, iou, keep):
    """Return what `_settle` does, for TILE boxes at a time, best first, until each image has `keep` of them.

    A tile begins without the boxes that those kept before it suppress.
    """
    length = dimension(boxes, 1)
    boxes, alive, groups = (_in_tiles(values, length) for values in (boxes, alive, groups))  # [B, tiles, T, ...]
    tiles = dimension(alive, 1)

    def visit(t, kept):
        own, free, own_groups = (tf.gather(values, t, axis=1) for values in (boxes, alive, groups))  # [B, T, ...]
        rival = _overlap(_in_a_row(boxes), _in_a_row(groups), own, own_groups, iou)  # [B, tiles * T, T]
        free &= ~tf.reduce_any(rival & _in_a_row(kept)[:, :, None], axis=1)
        settled = _settle(own, free, own_groups, iou)
        return t + 1, tf.where(tf.range(tiles)[:, None] == t, settled[:, None], kept)

    def unfinished(t, kept):
        return (t < tiles) & tf.reduce_any(tf.reduce_sum(tf.cast(kept, tf.int32), axis=[1, 2]) < keep)

    return _in_a_row(tf.while_loop(unfinished, visit, (0, tf.zeros_like(alive)))[1])[:, :length]


def _settle(boxes, alive, groups, iou):
    """Return which of the boxes [B, T, 4], best first, that are `alive` stay: bool [B, T]."""
    positions = tf.range(dimension(boxes, 1))
    rival = (positions[:, None] < positions) & _overlap(boxes, groups, boxes, groups, iou)  # row beats column

    def unsettled(kept, previous):
        return tf.reduce_any(kept != previous)

    def settle(kept, previous):
        for _ in range(ROUNDS):
            kept, previous = alive & ~tf.reduce_any(rival & kept[:, :, None], axis=1), kept
        return kept, previous

    return tf.while_loop(unsettled, settle, settle(alive, alive))[0]  # once without a look: that is mostly enough


def _overlap(boxes, groups, others, other_groups, iou):
    """Return which boxes [B, N, 4] overlap which others [B, M, 4] of their group by more than `iou`: bool [B, N, M]."""
    return (groups[:, :, None] == other_groups[:, None, :]) & (pairwise_iou(boxes, others) > iou)


def _in_tiles(values, length):
    """Return rows [B, length, ...] as [B, tiles, T, ...], padded with at least one row of zeros.

    XLA refuses a loop over rows where there are none.
    """
    size = at_most(TILE, length + 1)
    tiles = (length + size) // size
    rest = values.shape[2:].as_list()
    values = tf.pad(values, [[0, 0], [0, tiles * size - length], *([0, 0] for _ in rest)])
    return tf.reshape(values, [dimension(values, 0), tiles, size, *rest])


def _in_a_row(values):
    """Return [B, tiles, T, ...] as [B, tiles * T, ...]."""
    rows = dimension(values, 1) * dimension(values, 2)
    return tf.reshape(values, [dimension(values, 0), rows, *values.shape[3:].as_list()])
