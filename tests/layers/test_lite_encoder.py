"""The lite encoder: sizes, means worked out by hand, and what each level depends on."""

import numpy as np
import tensorflow as tf

from detect.layers.lite_encoder import AveragedReduction, LiteEncoder

FEATURES = tf.constant(np.random.RandomState(0).normal(size=[2, 4, 6, 5]), tf.float32)


def test_two_levels_of_which_the_second_has_half_the_sides():
    found = LiteEncoder(8, depth=0.5, expansion=0.5)(FEATURES, training=True)
    assert [tuple(level.shape) for level in found] == [(2, 4, 6, 8), (2, 2, 3, 8)]


def test_means_are_of_nine_cells_and_zeros_beyond_the_border():
    reduction = AveragedReduction(1)
    seen = []
    reduction.convolution.call = lambda features, training: seen.append(features) or features
    reduction(tf.reshape(tf.range(1.0, 17), [1, 4, 4, 1]))
    corner, edge, inner = 1 + 2 + 5 + 6, 2 + 3 + 4 + 6 + 7 + 8, 6 + 7 + 8 + 10 + 11 + 12 + 14 + 15 + 16
    np.testing.assert_allclose(seen[0][0, :, :, 0], np.array([[corner, edge], [5 + 6 + 9 + 10 + 13 + 14, inner]]) / 9)


def test_every_cell_of_the_coarse_level_sees_the_whole_image():
    """A change far away reaches it through the mean of all cells."""
    encoder = LiteEncoder(8, depth=0.5, expansion=0.5)
    features = tf.zeros([1, 32, 32, 3])
    far = tf.tensor_scatter_nd_update(features, [[0, 31, 31]], [[9.0, 9.0, 9.0]])
    before, after = (encoder(each) for each in (features, far))
    for level in range(2):
        assert np.any(before[level][0, 0, 0] != after[level][0, 0, 0])
