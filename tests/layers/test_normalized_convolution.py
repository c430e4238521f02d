"""Convolution with batch normalisation: padding, training, and the folding of fixed statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.layers.normalized_convolution import NormalizedConvolution


def built(filters=1, kernel_size=1, stride=1, channels=1, frozen=False, **weights) -> NormalizedConvolution:
    layer = NormalizedConvolution(filters, kernel_size, stride, frozen=frozen)
    layer.build((None, None, None, channels))
    parts = {"kernel": layer.kernel, **{weight.name: weight for weight in layer.normalization.weights}}
    for name, value in weights.items():
        parts[name].assign(np.broadcast_to(np.float32(value), parts[name].shape))
    return layer


def test_fixed_statistics_by_hand():
    layer = built(kernel=2, moving_mean=3, moving_variance=4 - 1e-5, gamma=10, beta=0.5)
    # Convolved 2 * 5 = 10, normalised (10 - 3) / 2 = 3.5, scaled and shifted 10 * 3.5 + 0.5.
    assert layer(np.full([1, 1, 1, 1], 5, np.float32)).numpy().item() == pytest.approx(35.5, rel=1e-6)


def test_a_stride_starts_one_pixel_outside_on_every_side_as_in_pytorch():
    image = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)
    layer = built(kernel_size=3, stride=2, kernel=1, moving_variance=1 - 1e-5)
    # 0 + 1 + 4 + 5;  1 + 2 + 3 + 5 + 6 + 7;  4 + 5 + 8 + 9 + 12 + 13;  5 + ... + 15
    expected = [[10, 24], [51, 90]]
    np.testing.assert_allclose(layer(image)[0, ..., 0], expected, rtol=1e-6)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize(("kernel_size", "stride"), [(1, 1), (3, 1), (1, 2), (3, 2), (7, 2)])
def test_folding_changes_nothing(kernel_size, stride, graph):
    random = np.random.default_rng(0)
    statistics = {"moving_mean": random.normal(size=4), "moving_variance": random.uniform(0.5, 2, 4)}
    affine = {"gamma": random.normal(size=4), "beta": random.normal(size=4)}
    layer = built(4, kernel_size, stride, 3, **statistics, **affine)
    images = random.normal(size=(2, 8, 6, 3)).astype(np.float32)
    padding = (kernel_size - 1) // 2
    paddings = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    convolved = tf.nn.conv2d(tf.pad(images, paddings), layer.kernel, stride, "VALID")
    expected = (convolved - statistics["moving_mean"]) / np.sqrt(statistics["moving_variance"] + 1e-5)
    expected = expected * affine["gamma"] + affine["beta"]
    call = tf.function(layer) if graph else layer
    np.testing.assert_allclose(call(images), expected, rtol=1e-4, atol=1e-5)


def test_training_normalises_by_the_batch_and_collects_its_statistics():
    layer = built(kernel=1)
    features = np.array([1, 3], np.float32).reshape(2, 1, 1, 1)  # mean 2, variance 1, unbiased 2
    np.testing.assert_allclose(layer(features, training=True).numpy().ravel(), [-1, 1], atol=1e-4)
    assert layer.normalization.moving_mean.numpy() == pytest.approx([0.1 * 2])
    assert layer.normalization.moving_variance.numpy() == pytest.approx([0.9 * 1 + 0.1 * 2])


@pytest.mark.parametrize("late", [False, True], ids=["from the start", "by trainable = False"])
def test_frozen_statistics_stay_and_gradients_pass(late):
    layer = built(frozen=not late, kernel=2, moving_mean=1, moving_variance=4 - 1e-5, gamma=3)
    if late:
        layer.normalization.trainable = False
    assert [weight.name for weight in layer.trainable_weights] == ["kernel"]
    features = tf.constant(np.array([1, 3], np.float32).reshape(2, 1, 1, 1))
    with tf.GradientTape() as tape:
        tape.watch(features)
        outputs = layer(features, training=True)
    np.testing.assert_allclose(outputs.numpy().ravel(), [1.5, 7.5], rtol=1e-6)  # (2 x - 1) / 2 * 3
    by_features, by_kernel = tape.gradient(outputs, [features, layer.kernel.value])
    np.testing.assert_allclose(by_features.numpy().ravel(), [3, 3], rtol=1e-6)
    assert by_kernel.numpy().item() == pytest.approx(3 / 2 * (1 + 3), rel=1e-6)
    assert layer.normalization.moving_mean.numpy() == [1]


def test_bfloat16_computes_in_bfloat16_and_keeps_weights_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        layer = NormalizedConvolution(4, 3)
        for training in (False, True):
            assert layer(np.ones([1, 4, 4, 2], np.float32), training=training).dtype == tf.bfloat16
        assert {weight.dtype for weight in layer.weights} == {"float32"}
    finally:
        keras.config.set_dtype_policy("float32")
