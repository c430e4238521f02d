"""BiFPN: resampling and fusion by hand, sizes of levels, and that every output depends on every input."""

import numpy as np
import pytest
import tensorflow as tf

from detect.layers.bifpn import BiFpn, Fusion, fitted, pool


def test_pooling_takes_three_by_three_from_the_top_left():
    pixels = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    np.testing.assert_array_equal(pool(pixels)[0, ..., 0], [[10, 11], [14, 15]])
    np.testing.assert_array_equal(pool(pixels[:, :3, :3])[0, ..., 0], [[5, 6], [9, 10]])  # an odd side is padded
    np.testing.assert_array_equal(pool(pixels[:, :1, :1]), pixels[:, :1, :1])


@pytest.mark.parametrize("graph", [False, True])
def test_enlarging_repeats_from_the_top_left(graph):
    """Sizes that were rounded up when halved are enlarged as by TensorFlow's first `resize_nearest_neighbor`."""
    run = tf.function(fitted, autograph=False) if graph else fitted
    pixels = tf.reshape(tf.range(4.0), [1, 2, 2, 1])
    np.testing.assert_array_equal(
        run(pixels, tf.zeros([1, 4, 4, 1]))[0, ..., 0], [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    )
    np.testing.assert_array_equal(
        run(pixels, tf.zeros([1, 3, 4, 1]))[0, ..., 0], [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3]]
    )
    for side in range(1, 12):
        pixels = tf.random.normal([1, -(-side // 2), 1, 1])
        expected = tf.compat.v1.image.resize_nearest_neighbor(pixels, [side, 1])
        np.testing.assert_array_equal(run(pixels, tf.zeros([1, side, 1, 1])), expected)


def test_fusion_is_a_weighted_mean_without_negative_weights():
    layer = Fusion()
    one, two, three = (tf.fill([1, 2, 2, 1], value) for value in (1.0, 2.0, 30.0))
    np.testing.assert_allclose(layer([one, two, three]), np.full([1, 2, 2, 1], 33 / 3.0001), rtol=1e-6)
    for share, value in zip(layer.shares, (1.0, 3.0, -5.0), strict=True):
        share.assign(value)
    np.testing.assert_allclose(layer([one, two, three]), np.full([1, 2, 2, 1], (1 + 3 * 2) / 4.0001), rtol=1e-6)


def features(height: int, width: int) -> list[tf.Tensor]:
    """Return features at strides 8, 16 and 32 of an image of `8 * height` x `8 * width` pixels."""
    random = tf.random.Generator.from_seed(0)
    sizes = [(-(-height // 2**level), -(-width // 2**level)) for level in range(3)]
    return [random.normal([1, *size, channels]) for size, channels in zip(sizes, (3, 5, 6), strict=True)]


@pytest.mark.parametrize(("levels", "sizes"), [(5, [(10, 7), (5, 4), (3, 2), (2, 1), (1, 1)]), (4, None), (6, None)])
def test_levels_are_halved_and_rounded_up(levels, sizes):
    neck = BiFpn(filters=8, cells=2, levels=levels, weighted=True, activation=tf.nn.silu)
    found = neck(features(10, 7))
    assert len(found) == levels
    assert {level.shape[3] for level in found} == {8}
    assert sizes is None or [tuple(level.shape[1:3]) for level in found] == sizes


@pytest.mark.parametrize("weighted", [True, False])
def test_every_output_depends_on_every_input(weighted):
    neck, inputs = BiFpn(8, 1, 5, weighted, tf.nn.silu), features(8, 8)
    for position in range(5):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            output = tf.reduce_sum(neck(inputs)[position] ** 2)
        gradients = tape.gradient(output, inputs)
        assert all(gradient is not None and np.any(gradient) for gradient in gradients)


def test_only_the_first_cell_projects():
    neck = BiFpn(8, 2, 5, True, tf.nn.silu)
    projected = [[node.project is not None for node in cell.down + cell.up] for cell in neck.cells]
    assert projected == [[True, True, True, False, True, True, False, False], [False] * 8]
