"""DINOv2 with windows: what is resized, what is divided, and who attends to whom."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.dinov2 import DINOv2, LayerScale, cubic_weights, join_windows, resized, split_windows


@pytest.fixture(scope="module")
def backbone() -> DINOv2:
    """A small backbone with two windows along each side, whose learnt positions are for 4 x 4 tokens."""
    keras.utils.set_random_seed(0)
    return DINOv2(channels=12, heads=2, blocks=2, patch=4, windows=2, positions=4)


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), np.uint8)


def test_windows_are_parts_of_the_image_row_by_row():
    numbers = np.arange(24).reshape(1, 4, 6, 1)  # 4 rows of 6 tokens
    windows = split_windows(tf.constant(numbers), 2)
    expected = [[0, 1, 2, 6, 7, 8], [3, 4, 5, 9, 10, 11], [12, 13, 14, 18, 19, 20], [15, 16, 17, 21, 22, 23]]
    np.testing.assert_array_equal(windows[..., 0], expected)
    np.testing.assert_array_equal(join_windows(windows, 2, 4, 6), numbers)


def test_the_windows_of_several_images_lie_one_after_the_other():
    tokens = np.random.default_rng(1).normal(size=(3, 4, 4, 2))
    together = split_windows(tf.constant(tokens), 2)
    for number, image in enumerate(tokens):
        np.testing.assert_array_equal(together[4 * number : 4 * number + 4], split_windows(image[None], 2))
    np.testing.assert_array_equal(join_windows(together, 2, 4, 4), tokens)


def test_cubic_weights_by_hand():
    """Twice as many values: each lies a quarter of a step from an old one.

    With `a` = -0.5 the kernel is 0.8671875 at a distance of 1/4, 0.2265625 at 3/4, and -0.0703125 at 5/4. At the ends
    there are values on one side only.
    """
    first = np.array([0.8671875, -0.0703125]) / (0.8671875 - 0.0703125)
    second = np.array([0.8671875, 0.2265625]) / (0.8671875 + 0.2265625)
    np.testing.assert_allclose(cubic_weights(2, 4), [first, second, second[::-1], first[::-1]], rtol=1e-6)


def test_a_grid_keeps_its_values_at_its_own_size_and_its_mean_when_it_shrinks_to_one():
    np.testing.assert_array_equal(cubic_weights(7, 7), np.eye(7))
    np.testing.assert_allclose(cubic_weights(5, 1) @ np.arange(5.0), [2.0], rtol=1e-6)
    grid = tf.random.stateless_normal([3, 4, 2], [0, 0])
    assert resized(grid, 3, 4) is grid


def test_a_plane_stays_a_plane_away_from_the_borders():
    y, x = np.mgrid[:8, :8].astype(np.float32)
    grid = resized(tf.constant(np.stack([2 * y + x, x - y], axis=-1)), 16, 12)
    rows, columns = (np.arange(16) + 0.5) / 2 - 0.5, (np.arange(12) + 0.5) * 2 / 3 - 0.5
    expected = np.stack([2 * rows[:, None] + columns, columns - rows[:, None]], axis=-1)
    np.testing.assert_allclose(grid[4:-4, 4:-4], expected[4:-4, 4:-4], atol=1e-5)


def test_four_features_with_a_token_for_each_patch(backbone, images):
    features = backbone(images)
    assert [tuple(feature.shape) for feature in features] == [(2, 4, 6, 12)] * 4
    for feature in features:  # normalised, with the first scale 1 and offset 0
        np.testing.assert_allclose(tf.reduce_mean(feature, axis=-1), np.zeros([2, 4, 6]), atol=1e-5)


def test_only_the_first_stage_keeps_to_its_windows(backbone, images):
    """Other pixels in the first window change nothing in the other three until a block attends to the whole image."""
    other = images.copy()
    other[:, :8, :12] = 255 - other[:, :8, :12]
    before, after = backbone(images), backbone(other)
    changed = [np.any(np.abs(np.subtract(*pair)) > 1e-6, axis=(0, 3)) for pair in zip(before, after, strict=True)]
    inside = np.zeros([4, 6], bool)
    inside[:2, :3] = True
    np.testing.assert_array_equal(changed[0], inside)
    assert all(np.all(of_stage) for of_stage in changed[1:])


def test_images_of_a_batch_do_not_see_each_other(backbone, images):
    together, alone = backbone(images), backbone(images[1:])
    for feature, expected in zip(together, alone, strict=True):
        np.testing.assert_allclose(feature[1:], expected, atol=1e-5)


def test_tokens_at_equal_pixels_differ_by_their_positions(backbone):
    grey = np.full([1, 16, 16, 3], 124, np.uint8)
    feature = backbone(grey)[0].numpy().reshape(16, 12)
    assert len(np.unique(feature.round(5), axis=0)) == 16
    backbone.stem.positions.assign(tf.zeros([4, 4, 12]))
    feature = backbone(grey)[0].numpy().reshape(16, 12)
    assert len(np.unique(feature.round(4), axis=0)) == 1


def test_layer_scale_is_1_at_first_and_multiplies_channels():
    layer, features = LayerScale(), np.float32([[1, 2], [3, 4]])
    np.testing.assert_array_equal(layer(features), features)
    layer.factors.assign([10, 0.5])
    np.testing.assert_array_equal(layer(features), [[10, 1], [30, 2]])
