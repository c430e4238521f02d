"""Canvases and scales by hand, images against a plain bilinear loop, and boxes there and back."""

from dataclasses import replace

import numpy as np
import pytest

from detect.data.pixels.resizing import Fit, fit_scale, letterbox, place, to_source

PLAIN = Fit(resampling="linear")
SHORTEST = Fit(kind="shortest", longest=1333, resampling="linear")


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def bilinear(image: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Each pixel from the four whose centres surround its own, float64 [rows, columns, 3]."""
    height, width = image.shape[:2]
    result = np.zeros((rows, columns, 3))
    for row in range(rows):
        for column in range(columns):
            y = np.clip((row + 0.5) * height / rows - 0.5, 0, height - 1)
            x = np.clip((column + 0.5) * width / columns - 0.5, 0, width - 1)
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            upper = image[top, left] * (left + 1 - x) + image[top, right] * (x - left)
            lower = image[bottom, left] * (left + 1 - x) + image[bottom, right] * (x - left)
            result[row, column] = upper * (top + 1 - y) + lower * (y - top)
    return result


@pytest.mark.parametrize(
    ("height", "width", "size", "expected"),
    [(480, 640, (320, 320), 0.5), (640, 480, (320, 320), 0.5), (10, 20, (40, 40), 2), (100, 300, (100, 150), 0.5)],
)
def test_scale_by_hand(height, width, size, expected):
    assert fit_scale(height, width, size) == expected


@pytest.mark.parametrize(
    ("fit", "height", "width", "canvas", "scale_y", "scale_x", "extent"),
    [
        (Fit(), 480, 640, (320, 320), 0.5, 0.5, (240, 320)),
        (Fit(), 99, 640, (320, 320), 0.5, 0.5, (49.5, 320)),
        (PLAIN, 99, 640, (320, 320), 0.5, 0.5, (49.5, 320)),  # one factor for boxes, although 49 rows show 99
        (PLAIN, 1, 700, (320, 320), 320 / 700, 320 / 700, (320 / 700, 320)),
        (Fit(kind="stretch"), 480, 640, (320, 320), 320 / 480, 0.5, (320, 320)),
        (Fit(kind="stretch", resampling="linear"), 481, 333, (320, 320), 320 / 481, 320 / 333, (320, 320)),
        (Fit(kind="shortest", resampling="linear"), 100, 331, (320, 1088), 3.2, 1059 / 331, (320, 1059)),
        (Fit(kind="shortest", longest=640, resampling="linear"), 100, 400, (160, 640), 1.6, 1.6, (160, 640)),
        (Fit(kind="shortest", longest=640, resampling="linear"), 401, 100, (640, 160), 640 / 401, 1.59, (640, 159)),
        (Fit(kind="shortest", longest=650, resampling="linear"), 20, 650, (32, 672), 1, 1, (20, 650)),
        (Fit(kind="shortest"), 100, 331, (320, 1088), 3.2, 3.2, (320, 1059.2)),
    ],
)
def test_placements_by_hand(fit, height, width, canvas, scale_y, scale_x, extent):
    placement = fit.placement(height, width, 320, divisor=32)
    assert placement.canvas == canvas
    assert placement.extent == pytest.approx(extent, rel=1e-12)
    assert (placement.scale_y, placement.scale_x) == pytest.approx((scale_y, scale_x), rel=1e-12)


def test_sides_are_those_of_torchvision():
    """Published in its documentation of the transform: a short side of 800, or less for the long one's 1333."""
    placements = [SHORTEST.placement(height, width, 800) for height, width in ((480, 640), (427, 640), (375, 1242))]
    assert [(each.rows, each.columns) for each in placements] == [(800, 1066), (800, 1199), (402, 1333)]


@pytest.mark.parametrize(
    ("resampling", "height", "width", "expected"),
    [
        ("linear", 187, 150, (127, 102)),
        ("exact", 187, 150, (128, 102)),
        ("linear", 80, 110, (93, 128)),
        ("exact", 80, 110, (93, 127)),
        ("exact", 1, 700, (1, 128)),
    ],
)
def test_sides_are_cut_as_the_authors_round_their_products(resampling, height, width, expected):
    placement = Fit(resampling=resampling).placement(height, width, 128)
    assert (placement.rows, placement.columns) == expected
    assert placement.extent == pytest.approx((height * 128 / max(height, width), width * 128 / max(height, width)))


@pytest.mark.parametrize(
    ("height", "width", "canvas"),
    [(64, 96, (64, 64)), (16, 64, (32, 64)), (96, 16, (64, 32)), (64, 192, (32, 64)), (8, 640, (32, 64))],
)
def test_a_trimmed_letterbox_goes_without_the_rows_that_are_padding_only(height, width, canvas):
    assert Fit().placement(height, width, 64, divisor=32, smallest=32, trimmed=True).canvas == canvas


def test_a_canvas_is_not_smaller_than_the_model_accepts():
    assert Fit().placement(10, 640, 256, divisor=32, smallest=128, trimmed=True).canvas == (128, 256)
    assert Fit(kind="shortest", longest=256).placement(10, 640, 64, divisor=32, smallest=96).canvas == (96, 256)
    assert Fit().placement(10, 640, 64, divisor=32, smallest=32).canvas == (64, 64)


def test_the_image_lies_at_the_top_left_and_the_rest_is_padding():
    placement = letterbox(32)(20, 40)
    assert placement.scales.tolist() == [np.float32(0.8)] * 4
    canvas = place(np.full((20, 40, 3), 9, np.uint8), placement)
    assert (canvas.shape, canvas.dtype) == ((32, 32, 3), np.uint8)
    assert (canvas[:16] == 9).all()
    assert (canvas[16:] == 114).all()
    coloured = place(
        np.full((40, 20, 3), 9, np.uint8), Fit(padding=(1, 2, 3), resampling="linear").placement(40, 20, 32)
    )
    assert (coloured[:, :16] == 9).all()
    assert (coloured[:, 16:] == [1, 2, 3]).all()


@pytest.mark.parametrize("fit", [Fit(), PLAIN, SHORTEST, Fit(kind="stretch")])
def test_an_image_of_the_right_size_is_unchanged(fit):
    image = noise(32, 32)
    np.testing.assert_array_equal(place(image, fit.placement(32, 32, 32)), image)


@pytest.mark.parametrize("shape", [(1, 1), (5, 500), (500, 9), (37, 41), (333, 1000), (1001, 613)])
@pytest.mark.parametrize("fit", [Fit(), PLAIN])
def test_any_shape_fits(fit, shape):
    placement = fit.placement(*shape, 64)
    assert placement.scale_x == placement.scale_y == 64 / max(shape)
    covered = (place(np.zeros((*shape, 3), np.uint8), placement) == 0).all(axis=2)
    tolerance = 0.5 if fit.resampling == "average" else 1  # rounded, or cut
    assert abs(covered.any(axis=1).sum() - placement.scale_y * shape[0]) <= tolerance + 1e-6
    assert abs(covered.any(axis=0).sum() - placement.scale_x * shape[1]) <= tolerance + 1e-6


@pytest.mark.parametrize("shape", [(50, 73), (11, 9), (64, 200), (131, 90)])
@pytest.mark.parametrize("kind", ["letterbox", "stretch", "shortest"])
# OpenCV computes whole levels with 11 bits of fraction.
@pytest.mark.parametrize(("resampling", "dtype", "error"), [("linear", np.uint8, 0.8), ("exact", np.float32, 2e-4)])
def test_published_models_get_plain_bilinear_pixels(kind, shape, resampling, dtype, error):
    image = noise(*shape)
    placement = Fit(kind=kind, resampling=resampling).placement(*shape, 40, divisor=8)
    rows, columns = placement.rows, placement.columns
    canvas = place(image, placement)
    assert canvas.dtype == dtype
    assert np.abs(canvas[:rows, :columns] - bilinear(image, rows, columns)).max() <= error
    assert (canvas[rows:] == 114).all()
    assert (canvas[:, columns:] == 114).all()


def test_shrunken_images_are_averaged():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::4] = 240
    assert (place(stripes, letterbox(16)(64, 64)) == 60).all()
    assert (place(stripes, Fit(kind="stretch").placement(64, 64, 16)) == 60).all()
    assert place(stripes, PLAIN.placement(64, 64, 16)).max() == 0  # between the second and the third of four pixels


def test_boxes_return_to_the_source_and_are_clipped_to_it():
    boxes = np.array([[[5, 10, 20, 30], [-4, 0, 500, 500]]], np.float32)
    placement = Fit(kind="stretch").placement(80, 100, 50)  # 0.625 and 0.5
    found = to_source(boxes, placement, width=100, height=80)
    np.testing.assert_allclose(found, [[[10, 16, 40, 48], [0, 0, 100, 80]]])
    assert found.dtype == np.float32
    assert to_source(np.zeros((0, 4)), placement, 100, 80).shape == (0, 4)


@pytest.mark.parametrize("resampling", ["average", "linear", "exact"])
@pytest.mark.parametrize("kind", ["letterbox", "stretch", "shortest"])
def test_a_box_stays_on_its_object(kind, resampling):
    image = np.zeros((90, 121, 3), np.uint8)
    image[20:50, 30:90] = 255
    placement = Fit(kind=kind, padding=(0, 0, 0), resampling=resampling).placement(90, 121, 64, divisor=8)
    ys, xs = np.nonzero(place(image, placement)[..., 0] > 127)
    seen = np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    pixel = 1 / min(placement.scale_x, placement.scale_y)
    np.testing.assert_allclose(to_source(seen, placement, 121, 90), [30, 20, 90, 50], atol=pixel)


def test_a_placement_goes_on_the_smallest_canvas_that_has_room():
    canvases = ((64, 64), (48, 64), (32, 64))
    for height, width, trimmed, canvas in (
        (30, 60, True, (32, 64)),
        (40, 60, True, (48, 64)),
        (30, 60, False, (64, 64)),
    ):
        placement = Fit().placement(height, width, 64, divisor=16, trimmed=trimmed)
        assert placement.on_one_of(canvases) == replace(placement, height=canvas[0], width=canvas[1])
