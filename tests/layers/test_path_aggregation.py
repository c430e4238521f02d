"""The neck of YOLOX: sizes, enlargement, and that every level depends on all three."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.path_aggregation import PathAggregationPyramid, enlarge


def features(batch: int = 1) -> list[tf.Tensor]:
    random = np.random.default_rng(0)
    shapes = [(batch, 8, 12, 8), (batch, 4, 6, 16), (batch, 2, 3, 32)]
    return [tf.constant(random.normal(size=shape), tf.float32) for shape in shapes]


def test_enlarging_repeats_each_value_in_two_by_two():
    small = tf.constant([[1.0, 2.0], [3.0, 4.0]])[None, ..., None]
    np.testing.assert_array_equal(enlarge(small)[0, ..., 0], [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]])


@pytest.mark.parametrize("xla", [False, True])
def test_the_gradient_of_enlarging_sums_each_two_by_two(xla):
    @tf.function(autograph=False, jit_compile=xla)
    def slope(small):
        with tf.GradientTape() as tape:
            tape.watch(small)
            loss = tf.reduce_sum(enlarge(small)[0, ..., 0] * [[1, 2, 3, 4], [5, 6, 7, 8]])
        return tape.gradient(loss, small)

    np.testing.assert_array_equal(slope(tf.zeros([1, 1, 2, 1]))[0, 0, :, 0], [1 + 2 + 5 + 6, 3 + 4 + 7 + 8])


@pytest.mark.parametrize("separable", [False, True])
def test_levels_keep_their_sizes_and_channels(separable):
    inputs = features(batch=2)
    outputs = PathAggregationPyramid((8, 16, 32), 1, separable)(inputs, training=True)
    assert [level.shape for level in outputs] == [level.shape for level in inputs]


def test_every_level_depends_on_all_three():
    pyramid, inputs = PathAggregationPyramid((8, 16, 32), 1), features()
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        outputs = [tf.reduce_sum(tf.square(level)) for level in pyramid(inputs)]
    for output in outputs:
        assert all(float(tf.reduce_max(tf.abs(gradient))) > 0 for gradient in tape.gradient(output, inputs))
