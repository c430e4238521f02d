"""Factors for the channels of a network in int8."""

import numpy as np

from detect.artefacts.channel_factors import (
    LEAST,
    UNEQUAL,
    Factors,
    along,
    factors_of,
    fitting,
    scaled_weights,
    sizes_of_channels,
)
from detect.artefacts.int8_network import OUTLIERS


def test_all_channels_become_as_large_as_the_largest():
    np.testing.assert_allclose(factors_of(np.float32([8, 1, 0.5, 0.25])), [1, 8, 16, 32])


def test_no_factor_is_larger_than_that_of_the_least_size():
    np.testing.assert_allclose(factors_of(np.float32([1, 1, 1e-6])), [1, 1, 1 / LEAST])


def test_channels_that_are_nearly_equal_have_no_factors():
    assert factors_of(np.float32([4, 1, 4])) is None
    assert factors_of(np.float32([UNEQUAL, 1, 1])) is None
    assert factors_of(np.float32([UNEQUAL + 0.1, 1, 1])) is not None


def test_one_tiny_channel_is_enough():
    assert factors_of(np.float32([1, 1, 0.5 / 10 / UNEQUAL])) is not None
    assert factors_of(np.float32([1, 1, 2 / 10 / UNEQUAL])) is None


def test_channels_without_values_have_finite_factors():
    assert np.isfinite(factors_of(np.float32([1, 0, 0]))).all()
    assert factors_of(np.zeros(3, np.float32)) is None


def test_the_size_of_a_channel_is_its_largest_value():
    """Also where it is rare, as behind ReLU: another size would let a factor lift it out of the range."""
    values = np.zeros([1, 2, 4000], np.float32)
    values[0, :, 7] = -1, 3
    calls = [{"x": values}, {"x": np.full([1, 2, 10], 2, np.float32)}]
    assert sizes_of_channels(calls, len(calls), axis=1)["x"].tolist() == [2, 3]


def test_outliers_that_ranges_leave_out_do_not_count():
    values = np.random.default_rng(0).permuted(np.tile(np.arange(200_000, dtype=np.float32), (2, 1)), axis=1)
    calls = [{"x": part * np.float32([[1], [-2]])} for part in np.split(values, 4, axis=1)]
    outside = int(OUTLIERS * 200_000)
    assert outside == 4
    expected = np.float32([199_999 - outside, 2 * (199_999 - outside)])
    assert sizes_of_channels(calls, len(calls), axis=0)["x"].tolist() == expected.tolist()
    assert sizes_of_channels(calls, len(calls), axis=0, outliers=0)["x"].tolist() == [199_999, 2 * 199_999]


def test_a_convolution_stays_the_same():
    """Weights [outputs, inputs] of a convolution of one pixel."""
    random = np.random.default_rng(0)
    values, weights = random.normal(size=[5, 3]), random.normal(size=[2, 3])
    factors = Factors(np.float32([1, 10, 100]), np.float32([4, 0.5]))
    changed = (values * factors.inputs) @ scaled_weights(weights, factors, input_axis=1, output_axis=0).T
    np.testing.assert_allclose(changed / factors.outputs, values @ weights.T)


def test_inputs_of_grouped_convolutions_have_no_factors():
    both = Factors(np.ones(8, np.float32), np.ones(6, np.float32))
    grouped, plain = np.zeros([6, 4, 3, 3]), np.zeros([6, 8, 3, 3])
    assert fitting(both, plain, input_axis=1) is both
    assert fitting(both, grouped, input_axis=1) == Factors(None, both.outputs)


def test_factors_lie_along_their_axis():
    assert along(np.ones(3, np.float32), 1, 4).shape == (1, 3, 1, 1)
    assert along(np.ones(3, np.float32), -1, 3).shape == (1, 1, 3)
