"""Activations have the values and gradients of TensorFlow's."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.activations import swish

VALUES = np.float32([-100, -3, -1.278, 0, 0.5, 2, 100])


def value_and_gradient(function, values):
    values = tf.convert_to_tensor(values)
    with tf.GradientTape() as tape:
        tape.watch(values)
        outputs = function(values)
    return outputs, tape.gradient(outputs, values, tf.range(1.0, values.shape[0] + 1))


@pytest.mark.parametrize("graph", [False, True])
def test_swish_and_its_gradient(graph):
    function = tf.function(value_and_gradient, autograph=False) if graph else value_and_gradient
    outputs, gradient = function(swish, VALUES)
    expected, expected_gradient = value_and_gradient(tf.nn.silu, VALUES)
    np.testing.assert_allclose(outputs, expected, rtol=1e-6)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-5, atol=1e-6)


def test_swish_by_hand():
    outputs, gradient = value_and_gradient(swish, np.float32([0.0, np.log(3)]))  # sigmoids 1/2 and 3/4
    np.testing.assert_allclose(outputs, [0, 0.75 * np.log(3)], rtol=1e-6)
    np.testing.assert_allclose(gradient, [0.5, 2 * (0.75 + np.log(3) * 0.75 * 0.25)], rtol=1e-6)


def test_swish_of_bfloat16_and_of_nothing():
    assert swish(tf.ones([2], tf.bfloat16)).dtype == tf.bfloat16
    _, gradient = value_and_gradient(swish, tf.zeros([0]))
    assert gradient.shape == (0,)
