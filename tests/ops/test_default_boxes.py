"""Default boxes of SSD compared with boxes worked by hand and with plain loops."""

import math

import numpy as np
import pytest

from detect.ops.default_boxes import default_boxes


def test_one_cell_by_hand():
    """The one cell of the map has its centre in 200 x 100 pixels: scales 0.2 and 0.8, whose mean is 0.4; ratio 4."""
    boxes = default_boxes(100, 200, ((1, 1),), (0.2, 0.8), ((4,),))
    sizes = [(40, 20), (80, 40), (80, 10), (20, 40)]  # width, height
    expected = [[100 - w / 2, 50 - h / 2, 100 + w / 2, 50 + h / 2] for w, h in sizes]
    np.testing.assert_allclose(boxes, expected, rtol=1e-6)


def test_no_box_is_larger_than_the_image():
    boxes = default_boxes(100, 100, ((1, 1),), (0.9, 1.3), ((4,),))
    assert boxes.min() == 0
    assert boxes.max() == 100
    np.testing.assert_allclose(
        boxes[2], [0, 50 - 22.5, 100, 50 + 22.5]
    )  # 0.9 * 2 of the width is cut, the height is not


def test_steps_are_pixels():
    boxes = default_boxes(300, 300, ((2, 3),), (0.1, 0.1), ((),), (50,))
    centres = (boxes[::2, :2] + boxes[::2, 2:]) / 2
    np.testing.assert_allclose(centres, [[25, 25], [75, 25], [125, 25], [25, 75], [75, 75], [125, 75]])


@pytest.mark.parametrize("steps", [None, (10, 25)])
def test_all_maps_equal_plain_loops(steps):
    grids, scales, ratios = ((4, 5), (2, 2)), (0.2, 0.5, 0.9), ((2,), (2, 3))
    expected = []
    for level, (rows, columns) in enumerate(grids):
        sides = [(scales[level],) * 2, (math.sqrt(scales[level] * scales[level + 1]),) * 2]
        for ratio in ratios[level]:
            wide = scales[level] * math.sqrt(ratio), scales[level] / math.sqrt(ratio)
            sides += [wide, wide[::-1]]
        for row in range(rows):
            for column in range(columns):
                y = (row + 0.5) * (steps[level] if steps else 40 / rows)
                x = (column + 0.5) * (steps[level] if steps else 60 / columns)
                for w, h in sides:
                    w, h = min(w, 1) * 60, min(h, 1) * 40
                    expected.append([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
    found = default_boxes(40, 60, grids, scales, ratios, steps)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


def test_one_array_serves_every_caller():
    first = default_boxes(40, 60, ((1, 1),), (0.1, 0.2), ((2,),))
    assert default_boxes(40, 60, ((1, 1),), (0.1, 0.2), ((2,),)) is first
    with pytest.raises(ValueError):
        first[0] = 0
