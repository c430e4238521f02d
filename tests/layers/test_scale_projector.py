"""The projector of LW-DETR and RF-DETR, computed again from its parts."""

import numpy as np
import tensorflow as tf

from detect.layers.scale_projector import ScaleProjector


def test_every_block_adds_channels_to_those_of_the_last_convolution():
    random = np.random.default_rng(0)
    features = [tf.constant(random.normal(size=(2, 3, 5, 6)), tf.float32) for _ in range(4)]
    projector = ScaleProjector(filters=8, blocks=2)
    level = projector(features)
    parts = [*np.split(projector.first(tf.concat(features, axis=-1)).numpy(), 2, axis=-1)]
    for first, second in projector.blocks:
        parts.append(second(first(parts[-1])).numpy())
    assert [part.shape[-1] for part in parts] == [4] * 4
    expected = projector.normalization(projector.last(np.concatenate(parts, axis=-1)))
    np.testing.assert_allclose(level, expected, atol=1e-5)


def test_a_convolution_is_normalised_over_channels_and_activated():
    layer = ScaleProjector(filters=2).first
    layer(tf.zeros([1, 1, 1, 2]))
    layer.convolution.kernel.assign([[[[1.0, 0.0], [0.0, 1.0]]]])
    # 3 and 5 become -1 and 1; SiLU is x / (1 + exp(-x)).
    found = layer(tf.constant([[[[3.0, 5.0]]]]))
    np.testing.assert_allclose(found[0, 0, 0], [-1 / (1 + np.e), 1 / (1 + 1 / np.e)], rtol=1e-5)


def test_all_its_weights_are_trained():
    projector = ScaleProjector(filters=8, blocks=3)
    projector([tf.zeros([1, 2, 2, 4])] * 4)
    # A kernel, a scale and an offset of each of 8 convolutions, and those of the last normalisation.
    assert len(projector.trainable_weights) == 3 * 8 + 2
