"""Layers that exports in int8 round: which, and along which axes of their kernels."""

import keras
import pytest
import tensorflow as tf
from small_detector import SmallDetector

from detect import models
from detect.models.detector import with_random_weights
from detect.training.quantised.rounded_layers import rerouted, rounded_layers


@pytest.fixture(scope="module")
def small():
    return with_random_weights(SmallDetector(SmallDetector.variant.config, 3))


def test_all_layers_are_rounded_but_the_last_three_before_each_prediction(small):
    names = [each.layer.path.split("/", 1)[1] for each in rounded_layers(small, 64)]
    assert names == [f"backbone/convolution{number}" for number in range(4)]


def test_axes_of_kernels_and_the_normalisations_behind_them():
    detector = with_random_weights(models.create("yolox-nano", 2))
    found = {each.layer.path.split("/", 1)[1]: each for each in rounded_layers(detector, 64)}
    dense = found["backbone/focus/block/convolution"]
    assert (dense.input_axis, dense.output_axis, dense.is_grouped) == (2, 3, False)
    assert [end.path.split("/", 1)[1] for end in dense.ends] == ["backbone/focus/block/normalization"]
    depthwise = found["backbone/stage2/downsample/depthwise/convolution"]
    assert (depthwise.input_axis, depthwise.output_axis) == (2, 2)
    assert not any(name.endswith(("offsets", "objectness", "class_logits")) for name in found)


def test_a_layer_is_itself_again_after_the_block():
    layer = keras.layers.Dense(2, kernel_initializer="ones")
    inputs = tf.ones([1, 3])
    layer(inputs)
    with rerouted([layer], lambda layer, call, inputs: -call(inputs)):
        assert layer(inputs)[0, 0] == -3
    assert layer(inputs)[0, 0] == 3
    assert "call" not in vars(layer)
