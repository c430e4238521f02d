"""Dilated convolution compared with Keras': values, gradients, weights, types."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.dilated_convolution import DilatedConvolution, dilated_convolution


@pytest.mark.parametrize("dilation", [1, 2, 6])
@pytest.mark.parametrize("sides", [(5, 8), (19, 7)])
@pytest.mark.parametrize("xla", [False, True])
def test_values_and_gradients_are_those_of_keras(dilation, sides, xla):
    layer = DilatedConvolution(5, dilation)
    reference = keras.layers.Conv2D(5, 3, dilation_rate=dilation, padding="same")
    inputs = tf.random.stateless_normal([2, *sides, 4], (0, 1))
    layer(inputs), reference(inputs)
    layer.bias.assign(tf.range(5.0))
    reference.set_weights(layer.get_weights())

    def run(layer):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            found = layer(inputs)
        return found, *tape.gradient(found, [inputs, layer.kernel, layer.bias], tf.cos(found))

    for value, expected in zip(tf.function(lambda: run(layer), jit_compile=xla)(), run(reference), strict=True):
        np.testing.assert_allclose(value, expected, atol=1e-3)


def test_a_tap_by_hand():
    """Only the tap at the top left is 1, which moves values by two rows down and two columns to the right."""
    inputs = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    kernel = np.zeros([3, 3, 1, 1], np.float32)
    kernel[0, 0] = 1
    found = dilated_convolution(tf.constant(inputs), tf.constant(kernel), 2)
    np.testing.assert_array_equal(found[0, ..., 0], [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 4, 5]])


def test_bfloat16():
    layer = DilatedConvolution(5, 2, name="x")
    layer.dtype_policy = keras.DTypePolicy("mixed_bfloat16")
    inputs = tf.ones([1, 4, 4, 3])
    with tf.GradientTape() as tape:
        found = layer(inputs)
    assert found.dtype == tf.bfloat16
    assert tape.gradient(found, layer.kernel).dtype == tf.float32
