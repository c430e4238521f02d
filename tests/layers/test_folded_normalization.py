"""Folded normalisations: the same outputs, and the statistics of their inputs."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization
from detect.layers.convolution import ConvolutionBlock
from detect.layers.folded_normalization import fold, is_folded, normalizations, restore_statistics

BIAS = np.float32([0.5, -1.0])


@pytest.fixture
def layer():
    layer = BatchNormalization(epsilon=1e-3)
    layer.build([None, None, None, 2])
    return layer


@pytest.fixture
def inputs() -> tf.Tensor:
    """Features of two batches: channels with means 2 and -3, and standard deviations 4 and 0.1."""
    values = np.random.RandomState(0).standard_normal([2, 4, 8, 8, 2]) * [4, 0.1] + [2, -3]
    return tf.constant(values, tf.float32)


def test_a_folded_layer_adds_its_bias(layer, inputs):
    assert not is_folded(layer)
    fold(layer, BIAS)
    assert is_folded(layer)
    np.testing.assert_allclose(layer(inputs[0]), inputs[0] + BIAS, atol=1e-5)


def test_statistics_come_back_and_outputs_stay(layer, inputs):
    fold(layer, BIAS)
    model = keras.Sequential([layer])
    assert restore_statistics(model, inputs) == 1
    values = inputs.numpy().astype(float)
    np.testing.assert_allclose(layer.moving_mean, values.mean(axis=(0, 1, 2, 3)), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, values.var(axis=(0, 1, 2, 3)), rtol=1e-4)
    np.testing.assert_allclose(layer(inputs[1]), inputs[1] + BIAS, atol=1e-5)
    assert layer.observer is None
    assert restore_statistics(model, inputs) == 0  # they are there


def test_a_step_of_training_then_starts_where_prediction_is(layer, inputs):
    """With the statistics of the batch in place of its own, a folded layer would be off by more than the values."""
    both = tf.reshape(inputs, [8, 8, 8, 2])
    fold(layer, BIAS)
    assert np.abs(layer(both, training=True) - (both + BIAS)).max() > 5
    fold(layer, BIAS)
    restore_statistics(keras.Sequential([layer]), inputs)
    np.testing.assert_allclose(layer(both, training=True), both + BIAS, atol=1e-4)


def test_layers_that_are_not_folded_or_not_trained_stay(layer, inputs):
    other = BatchNormalization()
    model = keras.Sequential([layer, other])
    model.build([None, None, None, 2])
    fold(other, BIAS)
    other.trainable = False
    assert restore_statistics(model, inputs) == 0
    np.testing.assert_array_equal(layer.moving_mean, [0, 0])
    assert is_folded(other)


def test_the_normalisations_of_blocks_are_found():
    model = keras.Sequential([ConvolutionBlock(2), ConvolutionBlock(3)])
    model.build([None, 8, 8, 3])
    assert [layer.beta.shape for layer in normalizations(model)] == [(2,), (3,)]
