"""Distributions of the distances of sides: values, means and boxes worked out by hand."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.distributions import (
    distances_of,
    expected_distances,
    moved_sides,
    probabilities_by_side,
    weighting_values,
)


def test_values_grow_as_powers_and_the_outermost_are_twice_as_far():
    """With 7 values, reach 0.5 and scale 6, powers are of 4: 4 ** (1 / 2) - 1 and 4 ** 1 - 1."""
    np.testing.assert_allclose(weighting_values(7, 0.5, 6.0), [-6, -3, -1, 0, 1, 3, 6], rtol=1e-6)


@pytest.mark.parametrize("scale", [4.0, 8.0])
def test_published_values_are_odd_and_ascend(scale):
    values = weighting_values(33, 0.5, scale)
    assert (values.shape, values.dtype) == ((33,), np.float32)
    np.testing.assert_array_equal(values, -values[::-1])
    assert np.all(np.diff(values) > 0)
    np.testing.assert_allclose(values[[16, -2, -1]], [0, scale / 2, scale], rtol=1e-6)


def test_a_mean_is_that_of_each_side():
    values = np.float32([-2, 0, 2])
    certain, even, two_of_three, most = [-100, 0, -100], [0, 0, 0], [0, -100, 0], [np.log(1), np.log(2), np.log(5)]
    logits = tf.constant([[*certain, *even, *two_of_three, *most]], tf.float32)
    found = expected_distances(probabilities_by_side(logits, 3), values)
    np.testing.assert_allclose(found, [[0, 0, 0, 2 * 5 / 8 - 2 * 1 / 8]], atol=1e-6)


def test_the_number_of_values_may_differ_from_call_to_call():
    """A compiled function forgets lengths that differ: the third call does not know it any more."""
    for count in (3, 5, 7):
        logits = np.tile(np.float32([-100] * (count - 1) + [0]), 4)[None]  # the last value is certain
        found = expected_distances(probabilities_by_side(logits, count), np.arange(count, dtype=np.float32))
        np.testing.assert_allclose(found, [[count - 1] * 4])


def test_sides_move_outwards_in_parts_of_the_box():
    """A box from 0.3 to 0.5 and from 0.2 to 0.6, whose fourth part is 0.05 wide and 0.1 high."""
    box = np.float32([[0.4, 0.4, 0.2, 0.4]])
    moved = moved_sides(box, np.float32([[1, -1, 2, 0]]), 4.0)  # from 0.25 to 0.6, and from 0.3 to 0.6
    np.testing.assert_allclose(moved, [[0.425, 0.45, 0.35, 0.3]], rtol=1e-6)


def test_distances_lead_from_one_box_to_the_other():
    random = np.random.RandomState(0)
    boxes, references = (random.uniform(0.1, 0.6, [2, 3, 4]).astype(np.float32) for _ in range(2))
    distances = distances_of(boxes, references, 8.0)
    np.testing.assert_allclose(moved_sides(references, distances, 8.0), boxes, atol=1e-6)


def test_a_reference_without_an_extent_gives_finite_distances():
    distances = distances_of(np.float32([[0.5, 0.5, 0.2, 0.2]]), np.zeros([1, 4], np.float32), 4.0)
    assert np.all(np.isfinite(distances))


def test_nothing_in_nothing_out():
    nothing = probabilities_by_side(np.zeros([2, 0, 12], np.float32), 3)
    assert nothing.shape == (2, 0, 4, 3)
    assert expected_distances(nothing, np.float32([-1, 0, 1])).shape == (2, 0, 4)
