"""The feature pyramid: sizes, and each path by hand. `tests/models/test_retinanet.py` holds it to torchvision's."""

import numpy as np
import tensorflow as tf

from detect.layers.feature_pyramid import FeaturePyramid


def features(sizes, channels=1, value=0.0) -> list[tf.Tensor]:
    return [tf.fill([1, *size, channels], np.float32(value)) for size in sizes]


def single_channel() -> FeaturePyramid:
    """One channel, lateral kernels 1, 2 and 3, merging kernels that pass the centre, coarse kernels of ones."""
    pyramid = FeaturePyramid(filters=1)
    pyramid(features([(8, 16), (4, 8), (2, 4)]))
    for factor, lateral in enumerate(pyramid.laterals, start=1):
        lateral.kernel.assign(np.full([1, 1, 1, 1], factor, np.float32))
    centre = np.zeros([3, 3, 1, 1], np.float32)
    centre[1, 1] = 1
    for merge in pyramid.merges:
        merge.kernel.assign(centre)
    for coarse in (pyramid.coarse6, pyramid.coarse7):
        coarse.kernel.assign(np.ones([3, 3, 1, 1], np.float32))
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
    np.testing.assert_allclose(p6[0, ..., 0], [[10, 24], [51, 90]], rtol=1e-5)  # sums of 3 x 3, one pixel outside
    np.testing.assert_allclose(p7[0, ..., 0], [[10 + 24 + 51 + 90]], rtol=1e-5)


def test_only_positive_values_pass_from_p6_to_p7():
    pyramid = single_channel()
    c3, c4, _ = features([(16, 16), (8, 8), (4, 4)])
    p6, p7 = pyramid([c3, c4, -np.ones([1, 4, 4, 1], np.float32)])[3:]
    assert np.all(p6.numpy() < 0)
    assert np.all(p7.numpy() == 0)
