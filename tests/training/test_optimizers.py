"""Updates against ones worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.training.optimizers import create_optimizer, decays, peak_learning_rate, prepare_gradients
from detect.training.settings import OptimizerSettings


@pytest.fixture
def dense():
    layer = keras.layers.Dense(1, kernel_initializer="ones", bias_initializer="ones")
    model = keras.Sequential([keras.Input((2,)), layer])
    return model


def test_only_kernels_decay(dense):
    assert [decays(variable) for variable in dense.trainable_variables] == [True, False]


def test_sgd_adds_the_decay_to_the_gradient_of_kernels(dense):
    settings = OptimizerSettings(name="sgd", weight_decay=0.5, clip_norm=None)
    gradients = [tf.constant([[1.0], [2.0]]), tf.constant([3.0])]
    kernel, bias = prepare_gradients(gradients, dense.trainable_variables, settings)
    np.testing.assert_allclose(kernel, [[1.5], [2.5]])
    np.testing.assert_allclose(bias, [3.0])


def test_the_norm_of_all_gradients_together_is_clipped(dense):
    settings = OptimizerSettings(name="adamw", clip_norm=1.0)
    gradients = [tf.constant([[3.0], [0.0]]), tf.constant([4.0])]  # norm 5
    kernel, bias = prepare_gradients(gradients, dense.trainable_variables, settings)
    np.testing.assert_allclose(kernel, [[0.6], [0.0]], rtol=1e-6)
    np.testing.assert_allclose(bias, [0.8], rtol=1e-6)


def test_nesterov_sgd_by_hand(dense):
    settings = OptimizerSettings(name="sgd", learning_rate=0.1, momentum=0.9)
    optimizer = create_optimizer(settings, dense)
    gradients = [tf.constant([[1.0], [1.0]]), tf.constant([1.0])]
    for _ in range(2):
        optimizer.apply_gradients(zip(gradients, dense.trainable_variables, strict=True))
    # Velocity: -0.1, then -0.19. A step moves by 0.9 * velocity - 0.1: -0.19, then -0.271.
    np.testing.assert_allclose(dense.trainable_variables[1], [1 - 0.19 - 0.271], rtol=1e-6)


def test_adamw_decays_kernels_and_not_biases(dense):
    settings = OptimizerSettings(name="adamw", learning_rate=0.1, weight_decay=0.5)
    optimizer = create_optimizer(settings, dense)
    gradients = [tf.zeros((2, 1)), tf.zeros((1,))]
    optimizer.apply_gradients(zip(gradients, dense.trainable_variables, strict=True))
    kernel, bias = dense.trainable_variables
    np.testing.assert_allclose(kernel, [[0.95], [0.95]], rtol=1e-6)
    np.testing.assert_allclose(bias, [1.0])


@pytest.mark.parametrize(("name", "expected"), [("sgd", 0.04), ("adamw", 0.02)])
def test_rate_follows_the_batch(name, expected):
    settings = OptimizerSettings(name=name, learning_rate=0.01, reference_batch=16)
    assert peak_learning_rate(settings, 64) == pytest.approx(expected)
