"""Boxes that anchors and points cover: cases by hand, and comparisons with all anchors and points."""

import math

import numpy as np
import pytest

from detect.ops.anchors import anchor_boxes, grids, points
from detect.ops.boxes import iou
from detect.ops.centre_sampling import assign_points
from detect.ops.coverage import best_overlaps, by_cell, have_points
from detect.ops.default_boxes import default_boxes


def random_boxes(seed: int, count: int = 400, side: float = 200) -> np.ndarray:
    """Draw boxes of all sizes, from a pixel to more than the image."""
    random = np.random.default_rng(seed)
    centres, sides = random.uniform(0, side, [count, 2]), np.exp(random.uniform(0, np.log(1.5 * side), [count, 2]))
    return np.concatenate([centres - sides / 2, centres + sides / 2], axis=1).astype(np.float32)


def test_overlaps_by_hand():
    # Squares of 16 pixels around (8, 8), (24, 8), (8, 24) and (24, 24). The first box is one of them, the second has a
    # quarter of its area in it, the third shares 8 x 16 of 2 x 256 - 128 with two, the last is larger than the image.
    anchors = anchor_boxes(32, 32, (16,), ((16.0,),), (1.0,), offset=0.5)
    boxes = np.float32([[16, 0, 32, 16], [20, 4, 28, 12], [8, 0, 24, 16], [-16, -16, 48, 48]])
    found = best_overlaps(boxes, by_cell(anchors, ((2, 2),), [1]))
    np.testing.assert_allclose(found, [1, 1 / 4, 1 / 3, 1 / 16])


@pytest.mark.parametrize("place", [{}, {"offset": 0.5}, {"spread": True}, {"rounded": False}])
def test_the_best_overlap_is_that_of_all_anchors(place):
    size, strides = (150, 200), (8, 16, 32)
    anchors = anchor_boxes(
        *size, strides, tuple((4.0 * stride, 5.0 * stride) for stride in strides), (0.5, 1.0), **place
    )
    boxes = random_boxes(0)
    expected = iou(boxes, anchors).numpy().max(axis=1)
    found = best_overlaps(boxes, by_cell(anchors, grids(*size, strides), [4] * 3))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    assert 0.1 < np.mean(expected > 0.5) < 0.9


@pytest.mark.parametrize("steps", [None, (40.0, 100.0)])
def test_the_best_overlap_is_that_of_all_default_boxes(steps):
    maps, ratios = ((4, 5), (2, 2)), ((2,), (2, 3))
    anchors = default_boxes(160, 200, maps, (0.2, 0.5, 0.9), ratios, steps)
    boxes = random_boxes(1)
    found = best_overlaps(boxes, by_cell(anchors, maps, [4, 6]))
    np.testing.assert_allclose(found, iou(boxes, anchors).numpy().max(axis=1), rtol=1e-4, atol=1e-6)


def test_anchors_of_a_cell_stay_together():
    anchors = np.arange(4 * (2 * 3 * 1 + 1 * 2 * 2)).reshape(-1, 4)
    fine, coarse = by_cell(anchors, ((2, 3), (1, 2)), [1, 2])
    np.testing.assert_array_equal(fine[1, 2], anchors[[5]])
    np.testing.assert_array_equal(coarse[0, 1], anchors[[8, 9]])


def test_points_by_hand():
    # Points of 8 pixels at 4, 12, 20, ... up to 20 pixels from the farthest side; of 16 at 8, 24, ... from 20 on.
    centres, _ = points(64, 64, (8, 16))
    boxes = np.float32(
        [
            [17, 17, 39, 39],  # (28, 28) is inside, 11 pixels from all sides
            [5, 5, 11, 11],  # between the points of the first level; (8, 8) is inside, but only 3 pixels from all sides
            [5, 9, 40, 15],  # (20, 12): 20 from the right side; near the centre
            [0, 0, 64, 64],  # (24, 24): 40 from the farthest sides, 8 from the centre
            [21, 0, 27, 60],  # (24, 24): 36 from the farthest side
            [13, 0, 19, 60],  # between the columns of the first level, 8 and 24 are outside
        ]
    )
    ranges, reaches = np.float32([[0, 20], [20, np.inf]]), np.float32([12, 24])
    found = have_points(boxes, centres, grids(64, 64, (8, 16)), ranges, reaches)
    assert found.tolist() == [True, False, True, True, True, False]


@pytest.mark.parametrize("radius", [0.6, 1.5, math.inf])
def test_boxes_with_points_are_those_that_are_assigned_one_when_alone(radius):
    size, strides = (150, 200), (8, 16, 32)
    centres, of_point = points(*size, strides)
    ranges = np.float32([[0, 32], [32, 64], [64, np.inf]])
    of_points = np.repeat(ranges, [rows * columns for rows, columns in grids(*size, strides)], axis=0)
    boxes = random_boxes(2)
    alone = boxes[:, None], np.zeros([len(boxes), 1], np.int32), np.zeros([len(boxes), 1], bool)
    expected = assign_points(centres, of_point, of_points, *alone, radius=radius).indices.numpy().max(axis=1) >= 0
    reaches = np.float32(strides) * np.float32(radius)
    np.testing.assert_array_equal(have_points(boxes, centres, grids(*size, strides), ranges, reaches), expected)
    assert 0.1 < expected.mean() < 0.99


def test_no_boxes():
    none = np.zeros([0, 4], np.float32)
    anchors, maps = anchor_boxes(32, 32, (16,), ((16.0,),), (1.0,)), grids(32, 32, (16,))
    assert best_overlaps(none, by_cell(anchors, maps, [1])).shape == (0,)
    ranges = np.float32([[0, np.inf]])
    assert have_points(none, points(32, 32, (16,))[0], maps, ranges, np.float32([24])).shape == (0,)
