"""Rounding of int8 in training: by hand, as a plain loop, and its gradient."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.fake_quantization import round_activations, round_kernel

RANGES = np.array([[-1.0, 0.0, 0.0], [1.55, 25.5, 0.0]], np.float32)  # steps of 0.01 and 0.1; the last is not rounded


def test_activations_are_rounded_to_steps_of_their_channel():
    values = tf.constant([[0.123, 0.26, 0.123], [-0.456, 12.34, -7.0], [-3.0, 30.0, 1e6], [9.0, -2.0, 0.0]])
    expected = [[0.12, 0.3, 0.123], [-0.46, 12.3, -7.0], [-1.0, 25.5, 1e6], [1.55, 0.0, 0.0]]
    np.testing.assert_allclose(round_activations(values, RANGES), expected, rtol=1e-5, atol=1e-6)


def test_zero_stays_zero_where_the_range_does_not_end_on_a_step():
    values = tf.zeros([2, 2, 2, 1])
    np.testing.assert_array_equal(round_activations(values, np.array([[-0.123], [0.777]], np.float32)), values)


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16])
def test_the_gradient_passes_within_the_range_only(dtype):
    values = tf.constant([[0.5, 3.0, 99.0], [-2.0, -1.0, -99.0]], dtype)
    with tf.GradientTape() as tape:
        tape.watch(values)
        total = tf.reduce_sum(round_activations(values, RANGES) * tf.constant([[2.0, 3.0, 4.0]], dtype))
    gradient = tape.gradient(total, values)
    assert gradient.dtype == dtype
    np.testing.assert_array_equal(tf.cast(gradient, tf.float32), [[2, 3, 4], [0, 0, 4]])


def test_a_kernel_has_127_steps_to_its_largest_weight_in_each_filter():
    kernel = tf.constant([[1.27, -12.7], [0.013, 0.04], [-0.5, 6.06]])  # steps of 0.01 and 0.1
    ranges = np.array([[-1] * 3, [2] * 3], np.float32)
    expected = [[1.27, -12.7], [0.01, 0.0], [-0.5, 6.1]]
    np.testing.assert_allclose(round_kernel(kernel, ranges, 0, 1), expected, rtol=1e-5)


def test_input_channels_are_rounded_as_parts_of_one_range():
    rng = np.random.default_rng(0)
    kernel, factors = rng.normal(size=(3, 3, 4, 2)).astype(np.float32), np.array([1, 10, 2, 1], np.float32)
    ranges = np.array([-1, 3], np.float32)[:, None] / factors
    expected = np.empty_like(kernel)
    for output in range(2):
        divided = kernel[..., output] / factors
        step = np.abs(divided).max() / 127
        expected[..., output] = np.round(divided / step) * step * factors
    np.testing.assert_allclose(round_kernel(tf.constant(kernel), ranges, 2, 3), expected, rtol=1e-4, atol=1e-6)


def test_the_gradient_of_a_kernel_is_that_of_what_it_was_rounded_to():
    kernel = tf.constant([[1.0, 2.0], [0.33, 0.1]])
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        total = tf.reduce_sum(
            round_kernel(kernel, np.array([[-1] * 2, [1] * 2], np.float32), 0, 1) * [[5.0, 6], [7, 8]]
        )
    np.testing.assert_array_equal(tape.gradient(total, kernel), [[5, 6], [7, 8]])


def test_without_a_range_a_kernel_stays_as_it_is():
    kernel = tf.constant([[0.1234567], [3.0]])
    np.testing.assert_array_equal(round_kernel(kernel, np.zeros([2, 2], np.float32), 0, 1), kernel)
