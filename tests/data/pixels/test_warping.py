import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detect.data.pixels.colour import ColourShift
from detect.data.pixels.warping import (
    GREY,
    blank,
    flip,
    halve,
    halvings,
    move_boxes,
    paint,
    paint_upright,
    rotation_and_shear,
    scaling,
    translation,
    visible,
)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def test_the_identity_changes_nothing():
    image = noise(7, 9)
    canvas = blank(7, 9)
    paint(image, np.eye(3), canvas)
    np.testing.assert_array_equal(canvas, image)


def test_whole_pixel_moves_and_flips_copy_pixels():
    image = noise(4, 5)
    canvas = blank(10, 10)
    paint(image, translation(3, 2) @ flip(5, 4, horizontal=True, vertical=False), canvas)
    np.testing.assert_array_equal(canvas[2:6, 3:8], image[:, ::-1])
    canvas[2:6, 3:8] = GREY
    assert (canvas == GREY).all()
    paint(image, flip(5, 4, horizontal=False, vertical=True), canvas)
    np.testing.assert_array_equal(canvas[:4, :5], image[::-1])


def test_a_canvas_view_takes_what_reaches_it_and_nothing_more():
    image, canvas = noise(6, 6), blank(4, 4)
    paint(image, translation(-3, 2), canvas)
    np.testing.assert_array_equal(canvas[2:, :3], image[:2, 3:])
    assert (canvas[:2] == GREY).all()
    assert (canvas[:, 3] == GREY).all()
    untouched = canvas.copy()
    paint(image, translation(100, 0), canvas)
    np.testing.assert_array_equal(canvas, untouched)


def test_halving_an_image_averages_pixels():
    image = np.zeros((2, 4, 3), np.uint8)
    image[:, :2] = [[[10], [20]], [[30], [40]]]
    np.testing.assert_array_equal(halve(image, 1)[..., 0], [[25, 0]])
    canvas = blank(1, 2)
    paint(image, scaling(0.5, 0.5), canvas)
    np.testing.assert_array_equal(canvas[..., 0], [[25, 0]])


def test_shrinking_keeps_the_mean_of_fine_detail():
    # One white column in eight. Linear interpolation alone would show it in full or not at all.
    image = np.zeros((64, 640, 3), np.uint8)
    image[:, ::8] = 240
    canvas = blank(8, 75)
    paint(image, scaling(0.118, 0.118), canvas)
    shown = canvas[1:7, 1:74]
    assert abs(shown.mean() - 30) < 2
    assert shown.max() < 60


@pytest.mark.parametrize(
    ("scale", "expected"), [(2, 0), (1, 0), (0.51, 0), (0.5, 1), (0.26, 1), (0.25, 2), (1 / 3, 1), (0.1, 3)]
)
def test_number_of_halvings(scale, expected):
    assert halvings(1000, 1000, scale) == expected


def test_a_thin_image_is_not_halved_to_nothing():
    assert halvings(1, 4000, 0.1) == 0
    assert halvings(3, 4000, 0.1) == 1


def test_what_halving_leaves_out_is_filled():
    canvas = blank(10, 400)
    paint(np.zeros((30, 3999, 3), np.uint8), scaling(0.1, 0.1), canvas)  # halved three times, 3 x 499 pixels are left
    assert (canvas[:3] == 0).all()
    assert (canvas[3:] == GREY).all()


def test_halving_first_gives_the_same_image():
    image = noise(97, 130)
    once, twice = blank(20, 30), blank(20, 30)
    paint(image, scaling(0.21, 0.21), once)
    paint(halve(image, 1), scaling(0.42, 0.42), twice)
    np.testing.assert_array_equal(once, twice)


def test_scaling_agrees_with_resize():
    image = cv2.GaussianBlur(noise(60, 80), (0, 0), 2)
    canvas = blank(45, 60)
    paint(image, scaling(0.75, 0.75), canvas)
    expected = cv2.resize(image, (60, 45), interpolation=cv2.INTER_LINEAR)
    assert np.abs(canvas.astype(int) - expected).max() <= 2


def test_enlarged_images_have_no_grey_rim():
    canvas = blank(16, 16)
    paint(np.full((4, 4, 3), 200, np.uint8), scaling(4, 4), canvas)
    assert (canvas == 200).all()


def test_neighbours_meet_without_a_seam():
    canvas = blank(20, 20)
    white = np.full((8, 8, 3), 255, np.uint8)
    paint(white, translation(10.3 - 9.6, 0) @ scaling(1.2, 2.5), canvas)
    paint(white, translation(10.3, 0) @ scaling(1.2, 2.5), canvas)
    assert (canvas[:, 1:19] == 255).all()


def test_a_rotated_image_leaves_the_corners_of_its_hull_alone():
    canvas = np.full((40, 40, 3), 7, np.uint8)
    paint(np.full((20, 20, 3), 255, np.uint8), translation(20, 5) @ rotation_and_shear(45, 0, 0), canvas)
    assert (canvas[6, 7] == 7).all()
    assert (canvas[20, 20] == 255).all()


def test_boxes_by_hand():
    boxes = np.array([[1, 2, 3, 6]], np.float32)
    np.testing.assert_allclose(move_boxes(boxes, scaling(2, 0.5)), [[2, 1, 6, 3]])
    np.testing.assert_allclose(move_boxes(boxes, flip(10, 8, horizontal=True, vertical=True)), [[7, 2, 9, 6]])
    # A quarter turn clockwise takes (x, y) to (-y, x).
    np.testing.assert_allclose(move_boxes(boxes, rotation_and_shear(90, 0, 0)), [[-6, 1, -2, 3]], atol=1e-5)
    # A shear along x of 45 degrees adds y to x: the hull spans 1 + 2 .. 3 + 6.
    np.testing.assert_allclose(move_boxes(boxes, rotation_and_shear(0, 45, 0)), [[3, 2, 9, 6]], atol=1e-5)


def test_no_boxes():
    none = np.zeros((0, 4), np.float32)
    assert move_boxes(none, scaling(2, 2)).shape == (0, 4)
    boxes, labels, ignore = visible(none, np.zeros(0, np.int32), np.zeros(0, bool), 5, 5)
    assert boxes.shape == (0, 4)
    assert len(labels) == len(ignore) == 0


def test_what_is_hardly_visible_is_dropped():
    boxes = np.array(
        [
            [-10, 0, 10, 10],  # half of it is visible: clipped
            [-91, 0, 9, 10],  # 9 % is
            [-89, 0, 11, 10],  # 11 %
            [5, 5, 6.9, 30],  # a side below two pixels
            [50, 0, 60, 10],  # outside
            [3, 3, 3, 3],  # nothing
        ],
        np.float32,
    )
    kept, labels, ignore = visible(boxes, np.arange(6, dtype=np.int32), np.arange(6) == 2, 20, 40)
    np.testing.assert_allclose(kept, [[0, 0, 10, 10], [0, 0, 11, 10]])
    np.testing.assert_array_equal(labels, [0, 2])
    np.testing.assert_array_equal(ignore, [False, True])
    assert kept.dtype == np.float32


@settings(max_examples=40, deadline=None)
@given(
    scale=st.floats(0.2, 2.5),
    angle=st.floats(-15, 15),
    shear=st.tuples(st.floats(-10, 10), st.floats(-10, 10)),
    mirrored=st.tuples(st.booleans(), st.booleans()),
    place=st.tuples(st.floats(-60, 60), st.floats(-60, 60)),
)
def test_a_rectangle_and_its_box_move_together(scale, angle, shear, mirrored, place):
    """The hull of the rectangle's four corners is where its pixels are."""
    left, top, right, bottom = 31, 23, 83, 59
    image = np.zeros((96, 128, 3), np.uint8)
    image[top:bottom, left:right] = 255
    matrix = translation(*place) @ scaling(scale, scale) @ rotation_and_shear(angle, *shear) @ flip(128, 96, *mirrored)
    corners = np.array([[left, top, 1], [right, top, 1], [right, bottom, 1], [left, bottom, 1]]) @ matrix[:2].T
    hull = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    np.testing.assert_allclose(
        move_boxes(np.array([[left, top, right, bottom]], np.float32), matrix)[0], hull, rtol=1e-4, atol=1e-3
    )
    offset = translation(300, 300)
    canvas = blank(800, 800)
    paint(image, offset @ matrix, canvas)
    ys, xs = np.nonzero(canvas[..., 0] > 127)
    seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]) - 300
    # A pointed corner of a turned rectangle does not fill the last pixels.
    np.testing.assert_allclose(seen, hull, atol=1.5)


@settings(max_examples=60, deadline=None)
@given(
    scale=st.floats(0.1, 2.5),
    mirrored=st.tuples(st.booleans(), st.booleans()),
    place=st.tuples(st.floats(-90, 90), st.floats(-90, 90)),
)
def test_upright_images_and_their_boxes_end_together(scale, mirrored, place):
    """By the matrix that was painted with, which is near the one asked for."""
    image = np.zeros((96, 128, 3), np.uint8)
    image[23:59, 31:83] = 255
    matrix = translation(*place) @ scaling(scale, scale) @ flip(128, 96, *mirrored)
    canvas, exact = blank(160, 160), blank(160, 160)
    used = paint_upright(image, matrix, canvas, ColourShift())
    (seen,) = np.clip(move_boxes(np.array([[31, 23, 83, 59]], np.float32), used), 0, 160)
    ys, xs = np.nonzero(canvas[..., 0] > 127)
    ys, xs = ys[canvas[ys, xs, 0] != GREY], xs[canvas[ys, xs, 0] != GREY]
    if (seen[2:] - seen[:2]).min() > 3:
        np.testing.assert_allclose([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1], seen, atol=1.5)

    white = np.full((96, 128, 3), 255, np.uint8)
    paint(white, matrix, exact)
    paint_upright(white, matrix, canvas, ColourShift())
    np.testing.assert_array_equal(canvas == 255, exact == 255)  # nothing is painted where nothing belongs
    shown = np.clip(move_boxes(np.array([[0, 0, 128, 96]], np.float32), matrix), 0, 160)[0]
    if (shown[2:] - shown[:2]).min() > 2:
        corners = np.linalg.inv(matrix) @ [[shown[0], shown[2]], [shown[1], shown[3]], [1, 1]]
        beside = (used - matrix) @ corners
        assert np.abs(beside).max() < 1.1 * max(1, scale)
