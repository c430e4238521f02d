"""Boxes as shares of an image's sides: one box by hand, and there and back."""

import numpy as np
import tensorflow as tf

from detect.ops.relative_boxes import LEAST, from_corners, from_pixels, logit, to_corners, to_pixels


def test_a_box_by_hand():
    """In an image that is 200 high and 100 wide."""
    box = np.float32([[[0.5, 0.25, 0.2, 0.1]]])
    np.testing.assert_allclose(to_corners(box), [[[0.4, 0.2, 0.6, 0.3]]], rtol=1e-6)
    np.testing.assert_allclose(to_pixels(box, 200, 100), [[[40, 40, 60, 60]]], rtol=1e-6)


def test_there_and_back():
    boxes = np.random.RandomState(0).uniform(0.1, 0.9, [2, 3, 4]).astype(np.float32)
    np.testing.assert_allclose(from_corners(to_corners(boxes)), boxes, atol=1e-6)
    np.testing.assert_allclose(from_pixels(to_pixels(boxes, 48, 64), 48, 64), boxes, atol=1e-6)


def test_logits_are_those_of_probabilities_and_have_bounds():
    numbers = np.float32([-3, -0.5, 0, 2])
    np.testing.assert_allclose(logit(tf.sigmoid(numbers)), numbers, atol=1e-5)
    most = np.log((1 - 0) / LEAST)
    np.testing.assert_allclose(logit(np.float32([-1, 0, 1, 2])), [-most, -most, most, most], rtol=1e-5)
