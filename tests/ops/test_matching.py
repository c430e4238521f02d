"""Matching compared with cases worked by hand and with a plain loop over all pairs."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.boxes import intersection_over_area, iou
from detect.ops.matching import (
    NEGATIVE,
    NEITHER,
    gather_rows,
    match_bipartite,
    match_by_iou,
    match_default_boxes,
)

# IoU with the true box [0, 0, 10, 10]: 1, 0.5, 0.45, 0.2 and 0.
ANCHORS = [[0, 0, 10, 10], [0, 0, 10, 20], [0, 0, 10, 4.5], [0, 0, 2, 10], [50, 50, 60, 60]]
ANCHORS = np.array(ANCHORS, np.float32)


def match_one(boxes, labels=None, ignore=(), match=match_by_iou, **options):
    """Match the anchors of one image, always with two rows, so that it is compiled once."""
    labels = [0] * len(boxes) if labels is None else labels
    missing = 2 - len(boxes)
    boxes = np.array([*boxes, *[[0] * 4] * missing], np.float32)
    labels, ignore = np.array([*labels, *[-1] * missing], np.int32), np.array([*ignore, *[False] * (2 - len(ignore))])
    return match(ANCHORS, boxes[None], labels[None], ignore[None], **options)


def loop_match(anchors, boxes, labels, ignore, foreground, background, low_quality):
    """Apply the definition to one image, following torchvision's `Matcher`."""
    overlaps = iou(anchors, boxes).numpy()  # [A, N]
    covered = intersection_over_area(anchors, boxes).numpy()
    real = [n for n in range(len(boxes)) if labels[n] >= 0 and not ignore[n]]
    result = []
    for a in range(len(anchors)):
        best = max(real, key=lambda n: (overlaps[a, n], -n), default=None)
        value = 0.0 if best is None else overlaps[a, best]
        leads = any(overlaps[a, n] > 0 and overlaps[a, n] == overlaps[:, n].max() for n in real)
        if value >= foreground or (low_quality and leads):
            result.append(best)
        elif value >= background or any(ignore[n] and covered[a, n] > 0.5 for n in range(len(boxes))):
            result.append(NEITHER)
        else:
            result.append(NEGATIVE)
    return result


def test_thresholds_by_hand():
    matches = match_one([[0, 0, 10, 10]])
    np.testing.assert_array_equal(matches.indices, [[0, 0, NEITHER, NEGATIVE, NEGATIVE]])
    np.testing.assert_allclose(matches.ious, [[1, 0.5, 0.45, 0.2, 0]])


def test_low_quality_matches_by_hand():
    box = [[0, 0, 4, 5]]  # IoU 0.2, 0.1, 18 / 47, 1/3 and 0: the third anchor leads
    np.testing.assert_array_equal(match_one(box).indices, [[NEGATIVE, NEGATIVE, 0, NEGATIVE, NEGATIVE]])
    np.testing.assert_array_equal(match_one(box, low_quality=False).indices, [[NEGATIVE] * 5])


def test_every_anchor_that_ties_for_the_lead_matches():
    anchors = np.array([[0, 0, 10, 10], [10, 0, 20, 10]], np.float32)
    matches = match_by_iou(anchors, [[[8.0, 0.0, 12.0, 10.0]]], [[0]], [[False]])
    np.testing.assert_array_equal(matches.indices, [[0, 0]])


def test_a_leading_anchor_answers_for_its_own_best_box():
    # The first anchor leads for both boxes: IoU 1 with the first, 0.9 with the second.
    matches = match_one([[0, 0, 10, 10], [0, 0, 10, 9]])
    np.testing.assert_array_equal(matches.indices, [[0, 0, 1, NEGATIVE, NEGATIVE]])


def test_a_box_that_overlaps_no_anchor_matches_none():
    np.testing.assert_array_equal(match_one([[100, 100, 110, 110]]).indices, [[NEGATIVE] * 5])


def test_ignored_regions_are_neither_unless_positive():
    # The region covers more than half of the first four anchors; the true box is the third.
    matches = match_one([[0, 0, 10, 4.5], [0, 0, 11, 11]], ignore=[False, True])
    np.testing.assert_array_equal(matches.indices, [[NEITHER, NEITHER, 0, NEITHER, NEGATIVE]])
    np.testing.assert_allclose(matches.ious[0, 0], 0.45)


def test_padding_never_matches():
    matches = match_one([[0, 0, 10, 10], [0, 0, 0, 0]], labels=[-1, -1])
    np.testing.assert_array_equal(matches.indices, [[NEGATIVE] * 5])
    np.testing.assert_array_equal(matches.ious, [[0] * 5])


def random_case(rng, images, anchors, boxes):
    """Draw coordinates on a coarse grid, so that ties and exact thresholds are common."""
    corners = np.sort(rng.integers(0, 9, (images, anchors + boxes, 2, 2)), axis=2)
    both = corners.reshape(images, -1, 4).astype(np.float32) * 4
    labels = np.where(rng.random((images, boxes)) < 0.2, -1, rng.integers(0, 3, (images, boxes)))
    ignore = (labels >= 0) & (rng.random((images, boxes)) < 0.2)
    return both[:, :anchors], both[:, anchors:], labels.astype(np.int32), ignore


@pytest.mark.parametrize(("foreground", "background", "low_quality"), [(0.5, 0.4, True), (0.7, 0.3, False)])
def test_thousands_of_random_anchors_equal_a_loop(foreground, background, low_quality):
    case = random_case(np.random.default_rng(0), 40, 50, 7)
    matches = match_by_iou(*case, foreground=foreground, background=background, low_quality=low_quality)
    for row, indices in zip(zip(*case, strict=True), matches.indices.numpy(), strict=True):
        assert list(indices) == loop_match(*row, foreground, background, low_quality)


@pytest.mark.parametrize("match", [match_by_iou, match_default_boxes, match_bipartite])
def test_shared_anchors_equal_anchors_for_each_image(match):
    anchors, *targets = random_case(np.random.default_rng(1), 40, 50, 7)
    shared = match(anchors[0], *targets)
    repeated = match(np.stack([anchors[0]] * 40), *targets)
    np.testing.assert_array_equal(shared.indices, repeated.indices)
    np.testing.assert_array_equal(shared.ious, repeated.ious)


@pytest.mark.parametrize("match", [match_by_iou, match_default_boxes, match_bipartite])
@pytest.mark.parametrize(("anchors", "rows"), [(5, 0), (0, 3)])
def test_no_boxes_and_no_anchors(match, anchors, rows):
    boxes, labels = np.zeros((2, rows, 4), np.float32), np.zeros((2, rows), np.int32)
    matches = match(ANCHORS[:anchors], boxes, labels, labels > 0)
    np.testing.assert_array_equal(matches.indices, np.full((2, anchors), NEGATIVE))


@pytest.mark.parametrize("match", [match_default_boxes, match_bipartite])
def test_padding_and_ignored_regions_take_no_anchor(match):
    # The true box is the last anchor; the region covers more than half of the other four.
    matches = match_one([[50, 50, 60, 60], [0, 0, 11, 11]], ignore=[False, True], match=match)
    np.testing.assert_array_equal(matches.indices, [[NEITHER, NEITHER, NEITHER, NEITHER, 0]])
    matches = match_one([[0, 0, 10, 10], [0, 0, 0, 0]], labels=[-1, -1], match=match)
    np.testing.assert_array_equal(matches.indices, [[NEGATIVE] * 5])
    np.testing.assert_array_equal(matches.ious, [[0] * 5])


def test_default_boxes_by_hand():
    # IoU with the first box: 1, 0.5, 0.45, 0.2, 0; with the second: 0.04, 0.02, 4 / 45, 0.2, 0. So the fourth anchor
    # is the second box's, far below `foreground`.
    boxes = [[0, 0, 10, 10], [0, 0, 2, 2]]
    matches = match_one(boxes, match=match_default_boxes)
    np.testing.assert_array_equal(matches.indices, [[0, 0, NEGATIVE, 1, NEGATIVE]])
    np.testing.assert_allclose(matches.ious, [[1, 0.5, 0.45, 0.2, 0]])
    matches = match_one(boxes, match=match_default_boxes, foreground=0.4)
    np.testing.assert_array_equal(matches.indices, [[0, 0, 0, 1, NEGATIVE]])


def test_the_last_of_two_true_boxes_has_the_default_box_that_both_want():
    # Both boxes overlap the first anchor most: by 1 and by 0.9.
    boxes = [[0, 0, 10, 10], [0, 0, 10, 9]]
    np.testing.assert_array_equal(match_one(boxes, match=match_default_boxes).indices, [[1, 0, 1, NEGATIVE, NEGATIVE]])
    # One to one: the first anchor is the first box's; of those left the second box overlaps the third most, by 0.5.
    expected = [[0, NEGATIVE, 1, NEGATIVE, NEGATIVE]]
    np.testing.assert_array_equal(match_one(boxes, match=match_bipartite).indices, expected)


def test_one_default_box_leads_where_several_tie():
    anchors = np.array([[0, 0, 10, 10], [10, 0, 20, 10]], np.float32)
    for match in (match_default_boxes, match_bipartite):
        matches = match(anchors, [[[8.0, 0.0, 12.0, 10.0]]], [[0]], [[False]])
        np.testing.assert_array_equal(matches.indices, [[0, NEGATIVE]])


def test_a_true_box_that_overlaps_no_default_box_takes_none():
    for match in (match_default_boxes, match_bipartite):
        np.testing.assert_array_equal(match_one([[100, 100, 110, 110]], match=match).indices, [[NEGATIVE] * 5])


def test_more_true_boxes_than_anchors():
    boxes = np.array([[[0, 0, 10, size] for size in (5, 10, 9, 8)]], np.float32)
    matches = match_bipartite(ANCHORS[:2], boxes, np.zeros((1, 4), np.int32), np.zeros((1, 4), bool))
    # The second box is the first anchor; of the others the third overlaps the second anchor most, by 9 / 20.
    np.testing.assert_array_equal(matches.indices, [[1, 2]])


def loop_match_default_boxes(overlaps, real, foreground):
    """Apply SSD's definition to the overlaps [A, N] of one image: the true box of each anchor, or None."""
    result = [None] * len(overlaps)
    for a, row in enumerate(overlaps):
        best = max(real, key=lambda n: (row[n], -n), default=None)
        if best is not None and row[best] >= foreground:
            result[a] = best
    for n in real:
        leader = int(np.argmax(overlaps[:, n]))
        if overlaps[leader, n] > 0:
            result[leader] = n
    return result


def loop_match_bipartite(overlaps, real):
    """Apply the definition to one image: take the best of the remaining pairs until there are none."""
    result, left = [None] * len(overlaps), list(real)
    while left:
        pairs = [(overlaps[a, n], -n, -a) for n in left for a in range(len(overlaps)) if result[a] is None]
        overlap, n, a = max(pairs, default=(0, 0, 0))
        if overlap == 0:
            break
        result[-a] = -n
        left.remove(-n)
    return result


@pytest.mark.parametrize("anchors", [3, 30])
def test_thousands_of_random_one_to_one_and_ssd_matches_equal_loops(anchors):
    anchors, boxes, labels, ignore = case = random_case(np.random.default_rng(3), 300, anchors, 6)
    bipartite, default = match_bipartite(*case), match_default_boxes(*case, foreground=0.4)
    overlaps, covered = iou(anchors, boxes).numpy(), intersection_over_area(anchors, boxes).numpy()  # [B, A, N]
    for image in range(len(boxes)):
        real = list(np.flatnonzero((labels[image] >= 0) & ~ignore[image]))
        ignored = (covered[image] > 0.5)[:, ignore[image]].any(axis=1)
        nothing = np.where(ignored, NEITHER, NEGATIVE)
        best = overlaps[image][:, real].max(axis=1, initial=0)
        for matches, loop in (
            (default, loop_match_default_boxes(overlaps[image], real, 0.4)),
            (bipartite, loop_match_bipartite(overlaps[image], real)),
        ):
            expected = [none if n is None else n for n, none in zip(loop, nothing, strict=True)]
            assert list(matches.indices[image].numpy()) == expected
            np.testing.assert_allclose(matches.ious[image], best, rtol=1e-6)


def test_gather_rows_by_hand():
    boxes = np.arange(16, dtype=np.float32).reshape(2, 2, 4)
    rows = gather_rows(boxes, np.array([[1, NEGATIVE, 0], [NEITHER, 0, 1]]))
    np.testing.assert_array_equal(rows[:, :, 0], [[4, 0, 0], [0, 8, 12]])
    labels = gather_rows(np.array([[5, 6]], np.int32), np.array([[1, 0, 1, NEITHER]]))
    np.testing.assert_array_equal(labels, [[6, 5, 6, 0]])
    assert gather_rows(boxes[:, :0], np.full((2, 3), NEGATIVE)).shape == (2, 3, 4)


@pytest.mark.parametrize("match", [match_by_iou, match_default_boxes, match_bipartite])
def test_in_a_graph_with_unknown_sizes_equal_to_eager(match):
    case = random_case(np.random.default_rng(2), 40, 50, 7)
    shapes = ([None, None, 4], [None, None, 4], [None, None], [None, None])
    signature = [tf.TensorSpec(shape, array.dtype) for shape, array in zip(shapes, case, strict=True)]
    graph = tf.function(match, input_signature=signature)
    np.testing.assert_array_equal(graph(*case).indices, match(*case).indices)
