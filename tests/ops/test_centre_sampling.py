"""FCOS' assignment compared with cases worked by hand and with a plain loop over all pairs."""

import math

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.anchors import points
from detect.ops.centre_sampling import assign_points, centreness
from detect.ops.coding import encode_distances
from detect.ops.matching import NEGATIVE, NEITHER

CENTRES, STRIDES = points(64, 64, (8, 16))  # 64 + 16 points, at 4, 12, ... and at 8, 24, ...
FINE = STRIDES == 8
RANGES = np.where(FINE[:, None], [0, 20], [20, np.inf]).astype(np.float32)


def run(boxes, labels, ignore, radius=1.5):
    return assign_points(CENTRES, STRIDES, RANGES, boxes, labels, ignore, radius=radius).indices


def assign(boxes, labels=None, ignore=(), radius=1.5):
    """Assign the points of one image, always with three rows; return maps of the two levels, [8, 8] and [4, 4]."""
    missing = 3 - len(boxes)
    labels = [*([0] * len(boxes) if labels is None else labels), *[-1] * missing]
    boxes = np.array([*boxes, *[[0] * 4] * missing], np.float32)
    ignore = np.array([*ignore, *[False] * (3 - len(ignore))])
    indices = run(boxes[None], np.array([labels], np.int32), ignore[None], radius).numpy()[0]
    return indices[:64].reshape(8, 8), indices[64:].reshape(4, 4)


def expect(indices, **cells):
    """Return a map that is negative but for `v0=[(row, column), ...]`, the points of box 0, and so on, or `neither`."""
    expected = np.full(indices.shape, NEGATIVE)
    for name, places in cells.items():
        for place in places:
            expected[place] = NEITHER if name == "neither" else int(name[1:])
    np.testing.assert_array_equal(indices, expected)


def test_points_near_the_centre_by_hand():
    # Centre (28, 28). Points at 20, 28 and 36 are less than 12 away in both axes; the farthest side is 11 + 8 away.
    fine, coarse = assign([[17, 17, 39, 39]])
    expect(fine, v0=[(row, column) for row in (2, 3, 4) for column in (2, 3, 4)])
    expect(coarse)
    # Of a larger box only the middle is for the first level; for eight of nine the farthest side is 15 + 8 = 23 away.
    # On the second level points at 24 and 40 are inside, less than 24 from the centre; from (24, 24) it is 19 away.
    fine, coarse = assign([[13, 13, 43, 43]])
    expect(fine, v0=[(3, 3)])
    expect(coarse, v0=[(1, 2), (2, 1), (2, 2)])


def test_without_a_radius_every_point_within_counts():
    # 32 wide, 4 high: points of y = 12 at x = 4, 12, 20, 28; the farthest sides are 28, 20, 20, 28 away.
    fine, coarse = assign([[0, 10, 32, 14]], radius=math.inf)
    expect(fine, v0=[(1, 1), (1, 2)])
    expect(coarse)


def test_borders_of_levels_belong_to_both():
    # The farthest side is 20 from (28, 28) and 20 from (24, 24); no other point is near the centre (26, 30).
    fine, coarse = assign([[8, 20, 44, 40]], radius=0.75)
    expect(fine, v0=[(3, 3)])
    expect(coarse, v0=[(1, 1)])


def test_borders_of_boxes_are_outside():
    fine, _ = assign([[4, 4, 20, 20]])  # the points at 4 and 20 lie on the border
    expect(fine, v0=[(1, 1)])


def test_the_smallest_box_wins_and_the_first_of_equals():
    fine, _ = assign([[18, 18, 38, 38], [20, 20, 36, 36], [36, 20, 20, 36]])  # the last has no area, and no inside
    expect(fine, v0=[(2, 2), (2, 3), (2, 4), (3, 2), (3, 4), (4, 2), (4, 3), (4, 4)], v1=[(3, 3)])
    fine, _ = assign([[20, 20, 36, 36], [20, 20, 36, 36]])
    expect(fine, v0=[(3, 3)])


def test_ignored_regions_are_neither_unless_positive():
    fine, coarse = assign([[20, 20, 36, 36], [16, 16, 40, 40]], ignore=[False, True])
    expect(fine, neither=[(2, 2), (2, 3), (2, 4), (3, 2), (3, 4), (4, 2), (4, 3), (4, 4)], v0=[(3, 3)])
    expect(coarse, neither=[(1, 1)])


def test_padding_never_matches():
    for indices in assign([[20, 20, 36, 36]], labels=[-1]):
        expect(indices)


def loop_assign(boxes, labels, ignore, radius):
    """Apply the definition to one image, one point and one box at a time."""
    result = []
    for (x, y), stride, (least, most) in zip(CENTRES, STRIDES, RANGES, strict=True):
        best, value = math.inf, NEGATIVE
        for n, (x1, y1, x2, y2) in enumerate(boxes):
            sides = (x - x1, y - y1, x2 - x, y2 - y)
            near = max(abs(x - (x1 + x2) / 2), abs(y - (y1 + y2) / 2)) < radius * stride
            if min(sides) <= 0:
                continue
            if ignore[n] and value == NEGATIVE:
                value = NEITHER
            real = labels[n] >= 0 and not ignore[n]
            if real and near and least <= max(sides) <= most and (x2 - x1) * (y2 - y1) < best:
                best, value = (x2 - x1) * (y2 - y1), n
        result.append(value)
    return result


def random_case(rng, images, rows):
    """Draw coordinates on a coarse grid, so that equal areas and points on borders are common."""
    corners = np.sort(rng.integers(0, 17, (images, rows, 2, 2)), axis=2) * 4
    labels = np.where(rng.random((images, rows)) < 0.2, -1, rng.integers(0, 3, (images, rows)))
    ignore = (labels >= 0) & (rng.random((images, rows)) < 0.2)
    return corners.reshape(images, rows, 4).astype(np.float32), labels.astype(np.int32), ignore


@pytest.mark.parametrize("radius", [1.5, 0.75])
def test_thousands_of_random_points_equal_a_loop(radius):
    case = random_case(np.random.default_rng(0), 100, 6)
    indices = run(*case, radius=radius).numpy()
    for row, found in zip(zip(*case, strict=True), indices, strict=True):
        assert list(found) == loop_assign(*row, radius)
    assert (indices >= 0).sum() > 400


def test_graph_and_xla_equal_eager():
    case = random_case(np.random.default_rng(1), 100, 6)
    shapes = ([None, None, 4], [None, None], [None, None])
    signature = [tf.TensorSpec(shape, array.dtype) for shape, array in zip(shapes, case, strict=True)]
    for graph in (tf.function(run, input_signature=signature), tf.function(run, jit_compile=True)):
        np.testing.assert_array_equal(graph(*map(tf.constant, case)), run(*case))


def test_no_boxes():
    indices = run(np.zeros((2, 0, 4), np.float32), np.zeros((2, 0), np.int32), np.zeros((2, 0), bool))
    np.testing.assert_array_equal(indices, np.full((2, 80), NEGATIVE))


def test_centreness_by_hand():
    # Left and right 2 and 8, top and bottom 3 and 4; in the middle; on the border; outside.
    distances = [[2.0, 3.0, 8.0, 4.0], [5.0, 1.0, 5.0, 1.0], [0.0, 1.0, 9.0, 1.0], [-1.0, 1.0, 9.0, 1.0]]
    np.testing.assert_allclose(centreness(distances), [math.sqrt(2 / 8 * 3 / 4), 1, 0, 0], rtol=1e-6)


def test_centreness_of_all_points_of_a_box_equals_a_loop():
    values = centreness(encode_distances([0.0, 0.0, 64.0, 48.0], CENTRES, STRIDES))
    for (x, y), value in zip(CENTRES, values.numpy(), strict=True):
        across, down = min(x, 64 - x) / max(x, 64 - x), min(y, 48 - y) / max(y, 48 - y)
        assert value == pytest.approx(math.sqrt(across * max(down, 0)))


def test_centreness_of_no_box():
    np.testing.assert_array_equal(centreness(tf.zeros([3, 4])), [0, 0, 0])
    assert centreness(tf.zeros([2, 0, 4])).shape == (2, 0)
