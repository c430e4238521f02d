"""Networks of Keras as backbones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from detect.errors import BadInput, RunFailure
from detect.layers.keras_backbone import KerasBackbone, require_strides


def network(strides=(8, 16, 32), filters=2) -> keras.Model:
    """Return a network whose features are means over squares of `strides` pixels, times a weight for each channel."""
    images = keras.Input((None, None, 3))
    colours = keras.layers.Conv2D(filters, 1, use_bias=False)(images)
    return keras.Model(images, [keras.layers.AveragePooling2D(stride)(colours) for stride in strides])


def test_features_are_those_of_the_network_for_preprocessed_images():
    backbone = KerasBackbone(network(), preprocess=lambda images: images / 100)
    backbone.network.set_weights([np.ones((1, 1, 3, 2), np.float32)])
    features = backbone(tf.constant(np.full((1, 32, 64, 3), 50, np.uint8)))
    assert [tuple(level.shape) for level in features] == [(1, 4, 8, 2), (1, 2, 4, 2), (1, 1, 2, 2)]
    np.testing.assert_allclose(features[2], 1.5)


def test_training_starts_from_the_weights_that_the_file_has_for_the_backbone():
    trained = network()
    backbone = KerasBackbone(network(), pretrained=lambda: trained)
    backbone.load_pretrained()
    np.testing.assert_array_equal(backbone.network.get_weights()[0], trained.get_weights()[0])
    for other in (lambda: network(filters=4), lambda: 1 / 0):
        with pytest.raises(RunFailure, match=r"`pretrained` of the backbone failed: (ValueError|ZeroDivisionError)"):
            KerasBackbone(network(), pretrained=other).load_pretrained()


@pytest.mark.parametrize(
    ("strides", "found"), [((4, 8, 16), "16 x 16, 8 x 8, 4 x 4"), ((8, 16), "8 x 8, 4 x 4"), ((32,), "2 x 2")]
)
def test_features_of_other_strides_are_refused(strides, found):
    message = rf"^The backbone returns features of {found} for images of 64 x 64; expected .*: 8 x 8, .* other layers.$"
    with pytest.raises(BadInput, match=message):
        KerasBackbone(network(strides))(tf.zeros((1, 64, 64, 3), tf.uint8))


def test_sides_of_levels_are_rounded_up():
    images = tf.zeros((1, 96, 64, 3))
    levels = [tf.zeros((1, 2, 1, 4)), tf.zeros((1, 1, 1, 4))]
    require_strides(levels, (64, 128), images, "neck")
    with pytest.raises(BadInput, match=r"The neck returns .*: 3 x 2, 2 x 1\. Name the strides of its levels"):
        require_strides(levels, (32, 64), images, "neck")
