"""Assigning the tensors of a file to the weights of a model."""

import keras
import numpy as np
import pytest

from detect.errors import BadInput
from detect.weights.tensors import Target, fill


@pytest.mark.parametrize(
    ("tensor", "problem"),
    [
        (np.ones(3), r"a is \[3\] for .*x, which is \[2, 2\]"),  # cannot be converted
        (np.ones((2, 2, 1)), r"a becomes \[2, 1, 2\] for .*x, which is \[2, 2\]"),
    ],
)
def test_a_tensor_of_another_shape_is_named_and_nothing_is_assigned(tensor, problem):
    kept = keras.Variable(np.zeros(2, np.float32), name="kept")
    variable = keras.Variable(np.zeros((2, 2), np.float32), name="x")
    targets = [Target("b", kept), Target("a", variable, lambda values: values.swapaxes(1, values.ndim - 1))]
    with pytest.raises(BadInput, match=rf"^file.pth does not contain the weights of model: {problem}\.$"):
        fill(targets, {"a": tensor, "b": np.ones(2)}, "file.pth", "model")
    assert not kept.numpy().any()


def test_a_scalar_that_cannot_be_converted_is_named():
    variable = keras.Variable(np.float32(0), name="x")
    with pytest.raises(BadInput, match=r"a is \[1\] for .*x, which is \[\]"):
        fill([Target("a", variable, lambda values: values.reshape(2))], {"a": np.ones(1)}, "file.pth", "model")
