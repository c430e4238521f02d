"""Adaptive training sample selection compared with a case worked by hand and a plain loop of algorithm 1."""

import math

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.anchors import points
from detect.ops.atss import assign_atss
from detect.ops.boxes import intersection_over_area, iou
from detect.ops.matching import NEGATIVE, NEITHER

CENTRES, STRIDES = points(64, 64, (8, 16))
ANCHORS = np.concatenate([CENTRES - STRIDES[:, None], CENTRES + STRIDES[:, None]], axis=-1)  # squares of 2 strides
LEVELS = (64, 16)


def run(boxes, labels, ignore, candidates=9):
    return assign_atss(ANCHORS, LEVELS, boxes, labels, ignore, candidates=candidates)


def assign(boxes, labels=None, ignore=()):
    """Assign the anchors of one image, always with three rows, so that it is compiled once."""
    missing = 3 - len(boxes)
    labels = [*([0] * len(boxes) if labels is None else labels), *[-1] * missing]
    boxes = np.array([*boxes, *[[0] * 4] * missing], np.float32)
    ignore = np.array([*ignore, *[False] * (3 - len(ignore))])
    matches = run(boxes[None], np.array([labels], np.int32), ignore[None])
    return matches.indices.numpy()[0], matches.ious.numpy()[0]


def test_by_hand():
    # The box is the anchor of the point (28, 28), row and column 3 of the first level, 16 pixels wide. Of the nine
    # candidates there, one is the box itself, four overlap it by 8 x 16 / 384 = 1/3, four by 8 x 8 / 448 = 1/7. Of the
    # nine of the second level, 32 wide, one at (24, 24) contains it: 256 / 1024 = 1/4; two at (8, 24) and (24, 8) share
    # 4 x 16 with it: 64 / 1216; two at (40, 24) and (24, 40) 12 x 16: 192 / 1088; one (8, 8) 4 x 4: 16 / 1264; two at
    # (8, 40) and (40, 8) 4 x 12: 48 / 1232; one at (40, 40) 12 x 12: 144 / 1136.
    second = [1 / 4, *[64 / 1216] * 2, *[192 / 1088] * 2, 16 / 1264, *[48 / 1232] * 2, 144 / 1136]
    overlaps = [1, *[1 / 3] * 4, *[1 / 7] * 4, *second]
    threshold = np.mean(overlaps) + np.std(overlaps, ddof=1)
    assert 1 / 3 < threshold < 1  # 0.21 + 0.22
    indices, ious = assign([[20, 20, 36, 36]])
    np.testing.assert_array_equal(np.flatnonzero(indices == 0), [3 * 8 + 3])
    assert (indices == NEGATIVE).sum() == 79
    assert ious.sum() == ious[27] == 1


def test_positive_centres_lie_within_the_box():
    # Anchors far larger than the box: the nearest overlap it most, but only one centre is inside it.
    indices, _ = assign([[25, 25, 29, 29]])
    assert set(np.flatnonzero(indices == 0)) <= {27}
    indices, _ = assign([[29, 29, 31, 31]])  # no centre at all
    assert (indices == NEGATIVE).all()


def test_the_largest_overlap_wins_and_the_first_of_equals():
    indices, _ = assign([[20, 20, 36, 37], [20, 20, 36, 36], [20, 20, 36, 36]])
    assert indices[27] == 1


def test_ignored_regions_are_neither_unless_positive():
    indices, ious = assign([[20, 20, 36, 36], [0, 0, 64, 64]], ignore=[False, True])
    assert indices[27] == 0
    np.testing.assert_array_equal(np.delete(indices, 27), np.full(79, NEITHER))
    assert ious.sum() == 1
    indices, _ = assign([[0, 0, 16, 16]], ignore=[True])  # half of the neighbours' area is not more than half
    np.testing.assert_array_equal(np.flatnonzero(indices == NEITHER), [0, 1, 8, 9])


def test_padding_never_matches():
    indices, ious = assign([[20, 20, 36, 36]], labels=[-1])
    assert (indices == NEGATIVE).all()
    assert not ious.any()


def loop_assign(boxes, labels, ignore, candidates):
    """Run algorithm 1 for one image; the `candidates` of each level are the first of equals."""
    overlaps, covered = iou(ANCHORS, boxes).numpy(), intersection_over_area(ANCHORS, boxes).numpy()
    best, result = [0.0] * len(ANCHORS), [NEGATIVE] * len(ANCHORS)
    for n, (x1, y1, x2, y2) in enumerate(boxes):
        if ignore[n] or labels[n] < 0:
            continue
        distance = [math.dist(centre, ((x1 + x2) / 2, (y1 + y2) / 2)) for centre in CENTRES.tolist()]
        fine, coarse = (sorted(level, key=lambda a: (distance[a], a)) for level in (range(64), range(64, 80)))
        chosen = fine[:candidates] + coarse[:candidates]
        threshold = np.mean(overlaps[chosen, n]) + np.std(overlaps[chosen, n], ddof=1)
        for a in chosen:
            (x, y), value = CENTRES[a], overlaps[a, n]
            if value >= threshold and x1 < x < x2 and y1 < y < y2 and value > best[a]:
                best[a], result[a] = value, n
    for a in range(len(ANCHORS)):
        if result[a] == NEGATIVE and any(ignore[n] and covered[a, n] > 0.5 for n in range(len(boxes))):
            result[a] = NEITHER
    return result, best


def random_case(rng, images, rows):
    """Draw coordinates on a fine grid: distances are exact and often equal, overlaps rarely equal the threshold."""
    centre, size = rng.integers(0, 129, (images, rows, 2)) / 2, rng.integers(4, 80, (images, rows, 2)) / 2
    boxes = np.concatenate([centre - size, centre + size], axis=-1).astype(np.float32)
    labels = np.where(rng.random((images, rows)) < 0.2, -1, rng.integers(0, 3, (images, rows)))
    return boxes, labels.astype(np.int32), (labels >= 0) & (rng.random((images, rows)) < 0.2)


@pytest.mark.parametrize("candidates", [9, 20])  # 20 are more than the second level has
def test_thousands_of_random_anchors_equal_a_loop(candidates):
    case = random_case(np.random.default_rng(0), 100, 5)
    matches = run(*case, candidates=candidates)
    for row, indices, ious in zip(zip(*case, strict=True), *(value.numpy() for value in matches), strict=True):
        expected, best = loop_assign(*row, candidates)
        assert list(indices) == expected
        np.testing.assert_allclose(ious, best, rtol=1e-6)
    assert (matches.indices.numpy() >= 0).sum() > 300


def test_graph_and_xla_equal_eager():
    case = random_case(np.random.default_rng(1), 100, 5)
    shapes = ([None, None, 4], [None, None], [None, None])
    signature = [tf.TensorSpec(shape, array.dtype) for shape, array in zip(shapes, case, strict=True)]
    for graph in (tf.function(run, input_signature=signature), tf.function(run, jit_compile=True)):
        for actual, expected in zip(graph(*map(tf.constant, case)), run(*case), strict=True):
            np.testing.assert_allclose(actual, expected, rtol=1e-6)


def test_no_boxes():
    matches = run(np.zeros((2, 0, 4), np.float32), np.zeros((2, 0), np.int32), np.zeros((2, 0), bool))
    np.testing.assert_array_equal(matches.indices, np.full((2, 80), NEGATIVE))
    assert not matches.ious.numpy().any()
