"""The moving average of weights."""

import keras
import numpy as np
import tensorflow as tf

from detect.training.updates.average import WeightAverage


def model_with_weight(value: float) -> keras.Model:
    return keras.Sequential(
        [keras.Input((1,)), keras.layers.Dense(1, kernel_initializer=keras.initializers.Constant(value))]
    )


def test_update_moves_by_one_minus_decay():
    model = model_with_weight(1.0)
    average = WeightAverage(model)
    model.weights[0].assign([[3.0]])
    average.update(tf.constant(0.75))
    np.testing.assert_allclose(average.average[0], 1.5)  # 0.75 * 1 + 0.25 * 3
    np.testing.assert_allclose(model.weights[0], [[3.0]])


def test_applied_gives_the_average_and_puts_the_weights_back():
    model = model_with_weight(1.0)
    average = WeightAverage(model)
    model.weights[0].assign([[3.0]])
    with average.applied():
        np.testing.assert_allclose(model.weights[0], [[1.0]])
    np.testing.assert_allclose(model.weights[0], [[3.0]])


def test_batch_norm_statistics_are_averaged_too():
    model = keras.Sequential([keras.Input((1,)), keras.layers.BatchNormalization()])
    average = WeightAverage(model)
    model.non_trainable_weights[0].assign([5.0])  # the moving mean, 0 so far
    average.update(tf.constant(0.5))
    np.testing.assert_allclose(average.average, [1, 0, 2.5, 1])  # gamma, beta, mean, variance
