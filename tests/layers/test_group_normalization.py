"""Group normalisation compared with the formula, and its gradient with that of Keras' own layer."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.group_normalization import GroupNormalization


@pytest.fixture
def features() -> np.ndarray:
    """Features of three images with different statistics, in six channels."""
    random = np.random.default_rng(0)
    return random.normal([[[[3]]], [[[-1]]], [[[0]]]], [[[[2]]], [[[5]]], [[[0.1]]]], (3, 4, 5, 6)).astype(np.float32)


def test_groups_of_channels_of_one_image_are_normalised(features):
    layer = GroupNormalization(groups=2, epsilon=1e-3)
    outputs = layer(features).numpy()
    for image in range(3):
        for channels in (slice(0, 3), slice(3, 6)):
            values = features[image, ..., channels].astype(np.float64)
            expected = (values - values.mean()) / np.sqrt(values.var() + 1e-3)
            np.testing.assert_allclose(outputs[image, ..., channels], expected, atol=2e-5)


def test_each_channel_has_a_scale_and_an_offset(features):
    layer = GroupNormalization(groups=3)
    plain = layer(features).numpy()
    layer.gamma.assign(np.arange(6.0))
    layer.beta.assign(np.arange(6.0) - 2)
    np.testing.assert_allclose(layer(features), plain * np.arange(6) + np.arange(6) - 2, atol=1e-4)


@pytest.mark.parametrize("groups", [1, 3, 6])
def test_gradients_are_those_of_keras(features, groups):
    ours = GroupNormalization(groups, epsilon=1e-3)
    theirs = keras.layers.GroupNormalization(groups, epsilon=1e-3)
    random = np.random.default_rng(1)
    weights, gamma, beta = (random.normal(size=size).astype(np.float32) for size in (features.shape, 6, 6))
    inputs, results = tf.constant(features), []
    for layer in (ours, theirs):
        layer.build(features.shape)
        layer.gamma.assign(gamma)
        layer.beta.assign(beta)
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(tf.square(layer(inputs)) * weights)
        results.append(tape.gradient(loss, [inputs, layer.gamma.value, layer.beta.value]))
    for own, reference in zip(*results, strict=True):
        np.testing.assert_allclose(own, reference, atol=1e-3, rtol=1e-4)


def test_equal_values_become_the_offset():
    layer = GroupNormalization(groups=1)
    layer.build((None, None, None, 2))
    layer.beta.assign([3.0, 4.0])
    outputs = layer(np.full([1, 8, 8, 2], 1000, np.float32))
    np.testing.assert_allclose(outputs, np.broadcast_to([3.0, 4.0], [1, 8, 8, 2]), atol=1e-3)


def test_a_graph_that_knows_no_size_gives_the_same(features):
    layer = GroupNormalization(groups=3)
    expected = layer(features)
    graph = tf.function(layer, [tf.TensorSpec([None, None, None, 6])], autograph=False)
    np.testing.assert_allclose(graph(tf.constant(features)), expected, atol=1e-6)


def test_features_of_low_precision_are_normalised_in_float32(features):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = GroupNormalization(groups=3)
    finally:
        keras.config.set_dtype_policy("float32")
    rounded = tf.cast(features, tf.bfloat16)
    outputs = layer(rounded)
    assert outputs.dtype == tf.bfloat16
    exact = GroupNormalization(groups=3)(tf.cast(rounded, tf.float32))
    np.testing.assert_array_equal(outputs, tf.cast(exact, tf.bfloat16))
