"""Factors for the channels of convolutions of a LiteRT model."""

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from detect.artefacts.channel_factors import Factors
from detect.formats.litert.int8 import operations_of
from detect.formats.litert.multiplying import multiplied, shared_weights

CHANNELS = 4


def test_a_convolution_keeps_its_function_and_leaves_others_alone():
    """Both convolutions have the same weights and the same bias, which the converter stores once."""
    model = two_convolutions()
    first, second = (row.outputs[0] for row in operations_of(model) if row.kind == "CONV_2D")
    inputs, outputs = np.float32([1, 10, 100, 1000]), np.float32([0.5, 5, 50, 500])
    expected = run(model)
    for name, factors in (
        (second, Factors(inputs, outputs)),
        (second, Factors(None, outputs)),
        (first, Factors(inputs, None)),
    ):
        changed = multiplied(model, {name: factors})
        assert len(operations_of(changed)) > len(operations_of(model))
        np.testing.assert_allclose(run(changed), expected, rtol=1e-4, atol=1e-5)


def test_weights_of_several_operations_are_found():
    model = two_convolutions()
    [weights] = {row.inputs[1] for row in operations_of(model) if row.kind == "CONV_2D"}
    assert weights in shared_weights(model)


def two_convolutions() -> bytes:
    random = np.random.default_rng(0)
    weights = tf.constant(random.normal(size=[3, 3, CHANNELS, CHANNELS]).astype(np.float32))
    bias = tf.constant(random.normal(size=[CHANNELS]).astype(np.float32))

    @tf.function(input_signature=[tf.TensorSpec([1, 8, 8, CHANNELS], tf.float32)])
    def convolve(images):
        for _ in range(2):
            images = tf.nn.relu(tf.nn.conv2d(images, weights, 1, "SAME") + bias)
        return images

    return tf.lite.TFLiteConverter.from_concrete_functions([convolve.get_concrete_function()]).convert()


def run(model: bytes) -> np.ndarray:
    interpreter = Interpreter(model_content=model)
    interpreter.allocate_tensors()
    images = np.random.default_rng(1).normal(size=[1, 8, 8, CHANNELS]).astype(np.float32)
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy()
