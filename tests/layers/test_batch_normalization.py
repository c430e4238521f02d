"""Batch normalisation compared with the formula and with Keras' own layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.batch_normalization import BatchNormalization


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(3, 2, (2, 4, 5, 3)).astype(np.float32)


def test_training_normalises_by_the_batch(features):
    layer = BatchNormalization(epsilon=1e-3)
    outputs = layer(features, training=True).numpy()
    mean, variance = features.mean((0, 1, 2)), features.var((0, 1, 2))
    np.testing.assert_allclose(outputs, (features - mean) / np.sqrt(variance + 1e-3), atol=1e-5)


def test_moving_statistics_take_a_step_towards_the_batch_with_the_unbiased_variance(features):
    layer = BatchNormalization(momentum=0.9)
    layer(features, training=True)
    np.testing.assert_allclose(layer.moving_mean, 0.1 * features.mean((0, 1, 2)), rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance, 0.9 + 0.1 * features.var((0, 1, 2), ddof=1), rtol=1e-5)


def test_prediction_uses_the_moving_statistics_and_leaves_them():
    layer = BatchNormalization(epsilon=0.0)
    layer.build((None, None, None, 1))
    for weight, value in zip(layer.weights, (3.0, 1.0, 10.0, 4.0), strict=True):  # gamma, beta, mean, variance
        weight.assign([value])
    outputs = layer(tf.fill([1, 2, 2, 1], 14.0))
    np.testing.assert_allclose(outputs, np.full((1, 2, 2, 1), 3 * (14 - 10) / 2 + 1), rtol=1e-6)
    assert float(layer.moving_mean[0]) == 10


def test_a_layer_that_is_not_trainable_keeps_its_statistics_in_training(features):
    layer = BatchNormalization()
    layer.trainable = False
    np.testing.assert_array_equal(layer(features, training=True), layer(features, training=False))
    np.testing.assert_array_equal(layer.moving_mean, np.zeros(3))


def test_gradients_are_those_of_keras(features):
    ours, theirs = BatchNormalization(epsilon=1e-3), keras.layers.BatchNormalization(epsilon=1e-3)
    inputs, weights = (
        tf.constant(features),
        tf.constant(np.random.default_rng(1).normal(size=features.shape), tf.float32),
    )
    gradients = []
    for layer in (ours, theirs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(layer(inputs, training=True) * weights)
        gradients.append(tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value]))
    for own, reference in zip(*gradients, strict=True):
        np.testing.assert_allclose(own, reference, atol=1e-4)


def test_mixed_precision_keeps_features_in_bfloat16_and_weights_in_float32(features):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = BatchNormalization()
        outputs = layer(features, training=True)
    finally:
        keras.config.set_dtype_policy("float32")
    assert outputs.dtype == tf.bfloat16
    assert {weight.dtype for weight in layer.weights} == {"float32"}
    np.testing.assert_allclose(layer.moving_mean, 0.01 * features.mean((0, 1, 2)), rtol=1e-2)
