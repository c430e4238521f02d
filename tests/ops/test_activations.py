"""Activations by hand, and their gradients against those that TensorFlow derives."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.activations import hard_sigmoid, hard_swish, swish

VALUES = tf.constant([-40.0, -4.0, -2.9, -1.5, 0.0, 1.0, 2.9, 5.0, 40.0])
PLAIN = {swish: lambda x: x * tf.sigmoid(x), hard_swish: lambda x: x * tf.nn.relu6(x + 3) / 6}


def value_and_gradient(function, values, upstream):
    with tf.GradientTape() as tape:
        tape.watch(values)
        found = function(values)
    return found, tape.gradient(found, values, upstream)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("function", PLAIN)
def test_values_and_gradients_are_those_of_the_formula(function, graph):
    upstream = tf.range(1.0, 10.0)
    expected = value_and_gradient(PLAIN[function], VALUES, upstream)
    both = tf.function(value_and_gradient) if graph else value_and_gradient
    for found, value in zip(both(function, VALUES, upstream), expected, strict=True):
        np.testing.assert_allclose(found, value, atol=1e-5)


def test_hard_swish_by_hand():
    np.testing.assert_allclose(
        hard_swish(tf.constant([-3.0, -1.5, 1.0, 3.0])), [0, -1.5 * 1.5 / 6, 4 / 6, 3], atol=1e-6
    )


def test_hard_sigmoid_by_hand():
    np.testing.assert_allclose(hard_sigmoid(tf.constant([-9.0, -3, 0, 1.5, 3, 9])), [0, 0, 0.5, 0.75, 1, 1], atol=1e-6)


@pytest.mark.parametrize("function", PLAIN)
def test_types_are_kept_and_nothing_stays_nothing(function):
    found, gradient = value_and_gradient(function, tf.cast(VALUES, tf.bfloat16), tf.ones([9], tf.bfloat16))
    assert found.dtype == gradient.dtype == tf.bfloat16
    assert function(tf.zeros([0, 3])).shape == (0, 3)
