"""Anchors and points compared with cells written out by hand."""

import numpy as np
import pytest

from detect.ops.anchors import anchor_boxes, cells, points
from detect.ops.boxes import area


def test_anchors_of_one_cell_by_hand():
    # Ratio h / w = 4 halves the width and doubles the height.
    anchors = anchor_boxes(8, 8, (8,), ((16.0, 32.0),), (1.0, 4.0), rounded=False)
    expected = [[-8, -8, 8, 8], [-16, -16, 16, 16], [-4, -16, 4, 16], [-8, -32, 8, 32]]
    np.testing.assert_allclose(anchors, expected)


def test_torchvision_rounds_the_anchors_of_a_cell():
    # torchvision's own AnchorGenerator for size 32, ratios 0.5, 1, 2: halves of 45.25 x 22.63.
    anchors = anchor_boxes(8, 8, (8,), ((32.0,),), (0.5, 1.0, 2.0))
    np.testing.assert_array_equal(anchors, [[-23, -11, 23, 11], [-16, -16, 16, 16], [-11, -23, 11, 23]])


def test_cells_come_row_by_row_and_level_by_level():
    anchors = anchor_boxes(16, 24, (8, 16), ((8.0,), (16.0,)), (1.0,))
    corners = [[0, 0], [8, 0], [16, 0], [0, 8], [8, 8], [16, 8], [0, 0], [16, 0]]
    np.testing.assert_array_equal((anchors[:, :2] + anchors[:, 2:]) / 2, corners)
    np.testing.assert_array_equal(area(anchors), [64] * 6 + [256] * 2)


def test_offset_moves_anchors_to_the_centres_of_cells():
    corner = anchor_boxes(16, 16, (8,), ((8.0,),), (1.0,))
    centre = anchor_boxes(16, 16, (8,), ((8.0,),), (1.0,), offset=0.5)
    np.testing.assert_array_equal(centre - corner, np.full((4, 4), 4))


@pytest.mark.parametrize(("size", "expected"), [(512, 49104), (640, 76725)])
def test_number_of_retinanet_anchors(size, expected):
    sizes = tuple((float(s), s * 2 ** (1 / 3), s * 2 ** (2 / 3)) for s in (32, 64, 128, 256, 512))
    assert anchor_boxes(size, size, (8, 16, 32, 64, 128), sizes, (0.5, 1.0, 2.0)).shape == (expected, 4)


def test_points_by_hand():
    centres, strides = points(16, 32, (8, 16))
    first_row, second_row = [[4, 4], [12, 4], [20, 4], [28, 4]], [[4, 12], [12, 12], [20, 12], [28, 12]]
    np.testing.assert_array_equal(centres, first_row + second_row + [[8, 8], [24, 8]])
    np.testing.assert_array_equal(strides, [8] * 8 + [16] * 2)
    corners, _ = points(16, 32, (8, 16), offset=0.0)
    np.testing.assert_array_equal(corners, centres - strides[:, None] / 2)


def test_a_side_that_is_no_multiple_of_the_stride_has_a_last_cell():
    assert len(points(320, 320, (128,))[0]) == 9
    assert len(anchor_boxes(320, 320, (128,), ((8.0,),), (1.0,))) == 9


def test_spread_cells_fill_sides_that_are_no_multiple_of_the_stride():
    # Three rows in 320 pixels are 106 apart, two columns in 160 are 80 apart, whatever the offset.
    corners, strides = points(320, 160, (128,), offset=0.0, spread=True)
    np.testing.assert_array_equal(corners, [[x, y] for y in (0, 106, 212) for x in (0, 80)])
    np.testing.assert_array_equal(strides, [128] * 6)
    centres, _ = points(320, 160, (128,), spread=True)
    np.testing.assert_array_equal(centres - corners, np.full((6, 2), 64))
    anchors = anchor_boxes(320, 160, (128,), ((8.0,),), (1.0,), spread=True)
    np.testing.assert_array_equal((anchors[:, :2] + anchors[:, 2:]) / 2, corners)


def test_spread_changes_nothing_where_sides_are_multiples():
    for spread in (False, True):
        corners, _ = points(256, 128, (8, 128), spread=spread)
        np.testing.assert_array_equal(corners[[1, -1]], [[12, 4], [64, 192]])


def test_number_of_cells_of_each_level():
    assert cells(800, 800, (8, 16, 32, 64, 128)) == (10_000, 2_500, 625, 169, 49)
    assert cells(64, 96, (8, 128)) == (96, 1)


def test_constants_cannot_be_changed_by_accident():
    with pytest.raises(ValueError, match="read-only"):
        points(16, 16, (8,))[0][0] = 1
