"""The rounding of int8 in training, on a small detector: its ranges, and what its calls return."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_detector import SmallDetector

from detect.models.detector import losses_and_gradients, with_random_weights
from detect.structures import Targets
from detect.training.quantised.int8_rounding import Int8Rounding

IMAGES = [np.random.default_rng(seed).integers(0, 256, (64, 64, 3)).astype(np.uint8) for seed in range(3)]


@pytest.fixture
def detector():
    keras.utils.set_random_seed(0)
    return with_random_weights(SmallDetector(SmallDetector.variant.config, 3))


def test_ranges_are_those_of_the_values_that_the_images_give(detector):
    first = detector.backbone.convolutions[0]
    rounding = Int8Rounding(detector, 64)
    rounding.measure(IMAGES)
    assert rounding.count == 4
    inputs, outputs = rounding.ranges[:2]
    np.testing.assert_allclose(inputs, [[0] * 3, [1] * 3], atol=1e-6)
    largest = max(float(tf.reduce_max(first(image[None] / 255))) for image in IMAGES)
    assert float(tf.reduce_min(outputs)) == 0  # behind a ReLU
    assert 0.9 * largest < float(tf.reduce_max(outputs)) <= 1.0001 * largest


def test_calls_are_rounded_from_the_begin_on(detector):
    first, image = detector.backbone.convolutions[0], tf.constant(IMAGES[0][None])
    exact = detector(image)["logits"].numpy()
    rounding = Int8Rounding(detector, 64)
    rounding.measure(IMAGES)
    np.testing.assert_array_equal(detector(image)["logits"], exact)
    rounding.begin()
    found = detector(image)["logits"].numpy()
    assert 0 < np.abs(found - exact).max() < 0.05 * exact.std() + 0.05 * np.abs(exact).max()
    channels = tf.unstack(first(tf.cast(image, tf.float32) / 255), axis=-1)
    assert max(len(np.unique(channel)) for channel in channels) <= 256


def test_weights_learn_through_the_rounding(detector):
    rounding = Int8Rounding(detector, 64)
    rounding.measure(IMAGES)
    rounding.begin()
    targets = Targets(boxes=tf.constant([[[8.0, 8, 40, 40]]]), labels=tf.constant([[1]]), ignore=tf.constant([[False]]))
    _, gradients = losses_and_gradients(detector, tf.constant(IMAGES[0][None]), targets)
    assert all(gradient is not None for gradient in gradients)
    kernel = detector.backbone.convolutions[0].kernel
    place = [variable.path for variable in detector.trainable_variables].index(kernel.path)
    assert float(tf.reduce_max(tf.abs(gradients[place]))) > 0


def test_unknown_ranges_change_nothing(detector):
    image = tf.constant(IMAGES[0][None])
    exact = detector(image)["logits"].numpy()
    Int8Rounding(detector, 64).begin()
    np.testing.assert_array_equal(detector(image)["logits"], exact)
