"""Greedy non-maximum suppression of a batch: of the boxes of one class that overlap, the one with the best score stays.

On a CPU a C++ kernel of TensorFlow does it. On an accelerator, and wherever XLA compiles the caller, it is a fixed
point: a box stays if no box of a better rank that stays overlaps it. Starting from all boxes and applying this again
and again, each round settles one more box of every chain of overlaps; after a few rounds nothing changes. Both get the
same ranks, so they keep the same boxes, and so does the operation for runtimes that have neither.

All ways begin with the same candidates, see `detect.ops.candidates`: one number that is not finite costs its own box
and no other.
"""

import tensorflow as tf

from detect.ops.boxes import TINY
from detect.ops.boxes import iou as pairwise_iou
from detect.ops.candidates import best_pairs, check_at_least_one, sound
from detect.ops.compiling import (
    Runtime,
    at_most,
    compiled,
    dimension,
    fused,
    suits_xla,
)
from detect.ops.matching import gather_rows
from detect.ops.selection import at_ranks
from detect.structures import Detections

TILE = 2048  # boxes that the fixed point settles at once: memory grows with TILE * C, not with C * C
NOBODY = 2**24  # the place of a box that is not left, in float32, which has all places before it
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
        max_detections: D, 1 or more.
        candidates: how many (box, class) pairs of an image enter, the best by score; the others are dropped unseen.
        levels: how many of the A boxes each pyramid level has; `candidates` then counts for each level, as in the
            papers of RetinaNet and FCOS.
        of_class: how many candidates of one class enter at most, the best by score, as in SSD.
        runtime: what will run it; "minimal" takes one image.

    Returns:
        D rows per image, best score first, padded with zeros and the label -1.
    """
    check_at_least_one(max_detections)
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
        max_detections: D, 1 or more.

    Returns:
        D rows per image, best score first, padded with zeros and the label -1.
    """
    check_at_least_one(max_detections)
    boxes, scores, _ = sound(tf.convert_to_tensor(boxes), tf.convert_to_tensor(scores), runtime="portable")
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
        keep: rows of the result, 1 or more.
        groups: int32 [B, C], 0 or more: boxes of different groups, such as pyramid levels, do not compete.
        runtime: what will run it; "minimal" takes one image.

    Returns:
        boxes [B, keep, 4], scores [B, keep] and valid bool [B, keep]; rows that are not valid are zeros.
    """
    check_at_least_one(keep)
    boxes, _, scores = sound(boxes, scores[..., None], runtime=runtime)
    scores, order = tf.math.top_k(scores, dimension(scores, 1))
    boxes = tf.gather(boxes, order, batch_dims=1)
    groups = tf.zeros_like(order) if groups is None else tf.gather(groups, order, batch_dims=1)
    count = tf.maximum(tf.reduce_max(groups), 0) + 1
    rows = _kept_rows(boxes, scores > -float("inf"), groups, count, iou, keep, runtime)
    return gather_rows(boxes, rows), gather_rows(scores, rows), rows >= 0


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
    """Return the rows that a plain greedy loop keeps, by operations that every runtime has.

    `NonMaxSuppressionV5`, which LiteRT has, knows no groups, and places far from each other for them cost digits: with
    365 classes in an image of 4,000 px it kept other boxes in three of four images.
    """
    if boxes.shape[0] not in (1, None):
        raise ValueError(f"expected one image for a minimal runtime, got {boxes.shape[0]}: call it for each")
    length, columns = dimension(boxes, 1), tf.range(keep)
    x1, y1, x2, y2 = tf.unstack(boxes[0], axis=1)
    sides = (x1, y1, x2, y2, (x2 - x1) * (y2 - y1), tf.cast(groups[0], tf.float32))
    places = tf.cast(tf.range(length), tf.float32)

    def take(n, left, rows):
        """`left` [C] are the places of the boxes that are left, in float32, for which runtimes are fastest."""
        place = tf.reduce_min(left)
        left_edge, top, right, bottom, area, group = (tf.gather(side, tf.cast(place, tf.int32)) for side in sides)
        width = tf.nn.relu(tf.minimum(x2, right) - tf.maximum(x1, left_edge))
        height = tf.nn.relu(tf.minimum(y2, bottom) - tf.maximum(y1, top))
        overlap = width * height
        share = overlap / tf.maximum(area + sides[4] - overlap, TINY)
        suppressed = ((share > iou) & (sides[5] == group)) | (places == place)
        return n + 1, tf.where(suppressed, float(NOBODY), left), tf.where(columns == n, tf.cast(place, tf.int32), rows)

    def unfinished(n, left, rows):
        return (n < keep) & (tf.reduce_min(left) < NOBODY)

    start = (0, tf.where(alive[0], places, float(NOBODY)), tf.fill([keep], -1))
    return tf.while_loop(unfinished, take, start)[2][None]


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
