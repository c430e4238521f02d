"""The feature pyramid: sizes, and each path by hand. Tests in `tests/weights` compare it with torchvision's."""

import numpy as np
import tensorflow as tf

from detect.layers.feature_pyramid import FeaturePyramid


def features(sizes, channels=1, value=0.0) -> list[tf.Tensor]:
    return [tf.fill([1, *size, channels], np.float32(value)) for size in sizes]


def single_channel(coarse="p5") -> FeaturePyramid:
    """Return a pyramid of one channel: lateral kernels 1, 2, 3, merging kernels that copy, coarse kernels of ones."""
    pyramid = FeaturePyramid(filters=1, coarse=coarse)
    pyramid(features([(8, 16), (4, 8), (2, 4)]))
    for factor, lateral in enumerate(pyramid.laterals, start=1):
        lateral.kernel.assign(np.full([1, 1, 1, 1], factor, np.float32))
    centre = np.zeros([3, 3, 1, 1], np.float32)
    centre[1, 1] = 1
    for merge in pyramid.merges:
        merge.kernel.assign(centre)
    for layer in (pyramid.coarse6, pyramid.coarse7) if coarse != "pool" else ():
        layer.kernel.assign(np.ones([3, 3, 1, 1], np.float32))
    return pyramid


def test_levels_halve_in_size():
    pyramid = FeaturePyramid()
    levels = pyramid(
        [np.zeros([2, side, 2 * side, channels], np.float32) for side, channels in ((8, 16), (4, 32), (2, 64))]
    )
    assert [tuple(level.shape) for level in levels] == [(2, s, 2 * s, 256) for s in (8, 4, 2, 1)] + [(2, 1, 1, 256)]
    parameters = sum(np.prod(weight.shape) for weight in pyramid.trainable_weights)
    assert parameters == 256 * (16 + 32 + 64 + 3) + 5 * 256 * (9 * 256 + 1)


def test_coarse_levels_are_added_to_finer_ones():
    pyramid = single_channel()
    p3, p4, p5, _, _ = pyramid(features([(8, 16), (4, 8), (2, 4)], value=1.0))
    np.testing.assert_allclose(p5, np.full([1, 2, 4, 1], 3.0))
    np.testing.assert_allclose(p4, np.full([1, 4, 8, 1], 2.0 + 3.0))
    np.testing.assert_allclose(p3, np.full([1, 8, 16, 1], 1.0 + 5.0))


def test_each_coarse_value_covers_two_by_two_finer_ones():
    pyramid = single_channel()
    c3, c4, _ = features([(8, 16), (4, 8), (2, 4)])
    c5 = np.arange(8, dtype=np.float32).reshape(1, 2, 4, 1)
    p4 = pyramid([c3, c4, c5])[1][0, ..., 0]
    np.testing.assert_allclose(p4, np.kron(3 * c5[0, ..., 0], np.ones([2, 2])))


def test_the_coarsest_levels_come_from_p5():
    pyramid = single_channel()
    c3, c4, _ = features([(16, 16), (8, 8), (4, 4)])
    c5 = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1) / 3  # the lateral kernel is 3
    p6, p7 = pyramid([c3, c4, c5])[3:]
    np.testing.assert_allclose(p6[0, ..., 0], [[10, 24], [51, 90]], rtol=1e-5)  # sums of 3 x 3, from one pixel outside
    np.testing.assert_allclose(p7[0, ..., 0], [[10 + 24 + 51 + 90]], rtol=1e-5)


def test_only_positive_values_pass_from_p6_to_p7():
    pyramid = single_channel()
    c3, c4, _ = features([(16, 16), (8, 8), (4, 4)])
    p6, p7 = pyramid([c3, c4, -np.ones([1, 4, 4, 1], np.float32)])[3:]
    assert np.all(p6.numpy() < 0)
    assert np.all(p7.numpy() == 0)


def test_the_coarsest_levels_can_come_from_the_last_features():
    pyramid = single_channel("c5")
    c3, c4, _ = features([(16, 16), (8, 8), (4, 4)])
    c5 = np.arange(16, dtype=np.float32).reshape(1, 4, 4, 1)  # not multiplied by the lateral kernel
    p5, p6, p7 = pyramid([c3, c4, c5])[2:]
    np.testing.assert_allclose(p5, 3 * c5)
    np.testing.assert_allclose(p6[0, ..., 0], [[10, 24], [51, 90]])
    np.testing.assert_allclose(p7[0, ..., 0], [[10 + 24 + 51 + 90]])


def test_pooling_takes_every_second_value():
    pyramid = single_channel("pool")
    c3, c4, _ = features([(12, 20), (6, 10), (3, 5)])
    c5 = np.arange(15, dtype=np.float32).reshape(1, 3, 5, 1) / 3
    levels = pyramid([c3, c4, c5])
    assert len(levels) == 4
    np.testing.assert_allclose(levels[-1][0, ..., 0], [[0, 2, 4], [10, 12, 14]], rtol=1e-6)


def test_any_number_of_levels():
    pyramid = FeaturePyramid(filters=4, levels=4, coarse="pool")
    sizes = [(16, 16), (8, 8), (4, 4), (2, 2)]
    assert [tuple(level.shape[1:3]) for level in pyramid(features(sizes, 8))] == [*sizes, (1, 1)]
    assert [layer.name for layer in pyramid.laterals] == ["lateral2", "lateral3", "lateral4", "lateral5"]


def test_features_of_one_size_are_added_as_they_are():
    pyramid = FeaturePyramid(filters=1, levels=2, coarse="pool")
    pyramid(features([(3, 3), (3, 3)]))
    for layer in (*pyramid.laterals, *pyramid.merges):
        layer.kernel.assign(np.pad(np.ones([1, 1, 1, 1]), [[layer.kernel_size[0] // 2] * 2] * 2 + [[0, 0]] * 2))
    first, last = (np.random.default_rng(seed).random([1, 3, 3, 1]).astype(np.float32) for seed in (0, 1))
    np.testing.assert_allclose(pyramid([first, last])[0], first + last, rtol=1e-6)


def test_with_normalisation_there_is_no_bias():
    pyramid = FeaturePyramid(filters=4, normalized=True, coarse="pool")
    pyramid(features([(8, 8), (4, 4), (2, 2)], 2), training=True)
    assert {weight.name for weight in pyramid.weights} == {"kernel", "gamma", "beta", "moving_mean", "moving_variance"}
    means = [weight for weight in pyramid.weights if weight.name == "moving_mean"]
    assert len(means) == 6
