import colorsys

import cv2
import numpy as np
import pytest

from detect.data.pixels.colour import MOST_HUE, ColourShift


def one_pixel(*rgb: int) -> np.ndarray:
    return np.array([[rgb]], np.uint8)


def test_nothing_to_shift_changes_nothing():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.uint8)
    assert ColourShift().apply(image) is image


@pytest.mark.parametrize(
    ("shifts", "before", "after"),
    [
        ((60, 0, 0), (200, 0, 0), (0, 200, 0)),  # 120 degrees: red becomes green
        ((-60, 0, 0), (200, 0, 0), (0, 0, 200)),  # and blue, the other way round
        ((0, 0, 30), (100, 0, 0), (130, 0, 0)),
        ((0, 0, 90), (200, 0, 0), (255, 0, 0)),  # stops at the end
        ((0, -255, 0), (200, 50, 50), (200, 200, 200)),  # without saturation it is grey
        ((0, 0, -255), (200, 50, 50), (0, 0, 0)),
    ],
)
def test_by_hand(shifts, before, after):
    image = one_pixel(*before)
    shifted = ColourShift(*shifts).apply(image)
    np.testing.assert_allclose(shifted[0, 0], after, atol=1)
    np.testing.assert_array_equal(image[0, 0], before)


@pytest.mark.parametrize("hue", [7, -7, MOST_HUE, -MOST_HUE])
def test_against_the_standard_library(hue):
    rng = np.random.default_rng(1)
    image = cv2.resize(rng.integers(60, 190, (6, 6, 3)).astype(np.uint8), (12, 12))
    expected = np.zeros((12, 12, 3))
    for row in range(12):
        for column in range(12):
            own, saturation, value = colorsys.rgb_to_hsv(*(image[row, column] / 255))
            shifted = (own + hue / 180) % 1, min(1, saturation + 20 / 255), max(0, value - 25 / 255)
            expected[row, column] = np.multiply(colorsys.hsv_to_rgb(*shifted), 255)
    found = ColourShift(hue, 20, -25).apply(image)
    assert np.abs(found - expected).max() < 5  # hue in 180 steps is coarse
    assert np.abs(found - expected).mean() < 1
