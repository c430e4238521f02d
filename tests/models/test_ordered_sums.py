"""Gradients are summed in pairs, so that no order of operations changes them."""

import numpy as np
import pytest
import tensorflow as tf

from detect.models.ordered_sums import ordered_sums


def gradient_of_five(x):
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.add_n([tf.sin(number * x) for number in range(5)])
    with ordered_sums():
        return tape.gradient(y, x)


def test_sums_are_those_of_pairs():
    x = tf.constant([0.3, -2.0])
    expected = sum(number * np.cos(number * x.numpy()) for number in range(5))
    np.testing.assert_allclose(gradient_of_five(x), expected, rtol=1e-5)
    graph = tf.function(gradient_of_five).get_concrete_function(x).graph
    adds = [operation for operation in graph.get_operations() if operation.type.startswith("Add")]
    assert [len(operation.inputs) for operation in adds if operation.type != "AddN"] == [2] * 4
    assert [len(operation.inputs) for operation in adds if operation.type == "AddN"] == [5]  # the sum that was written


def test_afterwards_tapes_sum_as_usual():
    with pytest.raises(ValueError, match="stop"), ordered_sums():
        raise ValueError("stop")

    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.sin(x) + tf.cos(x) + tf.exp(x)
        return tape.gradient(y, x)

    graph = tf.function(gradient).get_concrete_function(tf.constant([1.0])).graph
    assert [len(operation.inputs) for operation in graph.get_operations() if operation.type == "AddN"] == [3]
