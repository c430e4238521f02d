"""Losses of distributions compared with numbers worked by hand, with plain loops and with differences."""

import math

import numpy as np
import pytest
import tensorflow as tf
from uncompiled import uncompiled

from detect.ops.distribution_losses import distillation, fine_grained_localization, positions_among


@pytest.fixture(autouse=True)
def one_by_one(request):
    """Compile operations only for the comparisons with loops: it takes long."""
    if "loop" in request.node.name:
        yield
        return
    with uncompiled():
        yield


def random_corners(rng, *shape):
    return rng.normal(0, 2, shape).astype(np.float32)


def test_positions_by_hand():
    values = np.float32([-4, -1, 0, 1, 4])
    np.testing.assert_allclose(positions_among([-4, -2.5, -1, 0, 0.25, 2], values), [0, 0.5, 1, 2, 2.25, 3 + 1 / 3])
    np.testing.assert_array_equal(positions_among([-5.0, 4, 9, -math.inf, math.inf], values), [0, 4, 4, 0, 4])


def test_a_distance_is_the_mean_of_the_two_values_around_it():
    rng = np.random.default_rng(0)
    values = np.sort(random_corners(rng, 33))
    distances = rng.uniform(values[0], values[-1], (7, 4)).astype(np.float32)
    positions = positions_among(distances, values)
    np.testing.assert_allclose(np.interp(positions, np.arange(33), values), distances, rtol=1e-4, atol=1e-5)


def test_fine_grained_localization_by_hand():
    # Five equal logits: log(5) for each side, wherever it is.
    np.testing.assert_allclose(fine_grained_localization(tf.zeros([1, 20]), [[0.0, 1.5, 3, 4]]), [4 * math.log(5)])
    # A probability of 1/2 for value 1 and of 1/8 for others: -3/4 log(1/2) - 1/4 log(1/8) at 1.25.
    logits = tf.reshape(tf.one_hot([1, 1, 1, 1], 5, math.log(4)), [1, 20])
    expected = 4 * (0.75 * math.log(2) + 0.25 * math.log(8))
    np.testing.assert_allclose(fine_grained_localization(logits, [[1.25] * 4]), [expected], rtol=1e-6)


def one_localization(logits, positions):
    total = 0.0
    for side, position in zip(np.float64(logits).reshape(4, -1), np.float64(positions), strict=True):
        left = min(int(position), len(side) - 2)
        share = position - left
        total += math.log(np.exp(side).sum()) - (1 - share) * side[left] - share * side[left + 1]
    return total


def one_distillation(logits, teacher, temperature):
    total = 0.0
    for side, wanted in zip(np.float64(logits).reshape(4, -1), np.float64(teacher).reshape(4, -1), strict=True):
        p, q = (np.exp(x / temperature) / np.exp(x / temperature).sum() for x in (side, wanted))
        total += temperature**2 * sum(q * np.log(q / p))
    return total


def test_losses_equal_loops():
    rng = np.random.default_rng(1)
    logits, teacher = random_corners(rng, 50, 36), random_corners(rng, 50, 36)
    positions = np.clip(rng.uniform(-1, 9, (50, 4)), 0, 8).astype(np.float32)
    expected = [one_localization(*row) for row in zip(logits, positions, strict=True)]
    np.testing.assert_allclose(fine_grained_localization(logits, positions), expected, rtol=1e-5)
    for temperature in (1.0, 5.0):
        expected = [one_distillation(*row, temperature) for row in zip(logits, teacher, strict=True)]
        np.testing.assert_allclose(distillation(logits, teacher, temperature), expected, rtol=1e-4)


def test_a_distribution_does_not_diverge_from_itself():
    logits = random_corners(np.random.default_rng(2), 3, 36)
    np.testing.assert_allclose(distillation(logits, logits), [0, 0, 0], atol=1e-5)


@pytest.mark.parametrize("loss", [distillation, lambda x, _: fine_grained_localization(x, [[0.0, 1.5, 2, 4]])])
def test_gradients_are_those_of_differences(loss):
    rng = np.random.default_rng(3)
    logits, others = tf.constant(random_corners(rng, 2, 20)), tf.constant(random_corners(rng, 2, 20) / 9)
    with tf.GradientTape() as tape:
        tape.watch([logits, others])
        losses = loss(logits, others)
    gradient, of_others = tape.gradient(losses, [logits, others])
    assert of_others is None or not np.any(of_others)
    step = 1e-2 * random_corners(rng, 2, 20)
    difference = loss(logits + step, others) - loss(logits - step, others)
    np.testing.assert_allclose(difference, 2 * tf.reduce_sum(gradient * step, axis=-1), rtol=1e-2, atol=1e-4)


def test_no_boxes_at_all():
    assert positions_among(tf.zeros([0, 4]), [0.0, 1]).shape == (0, 4)
    assert fine_grained_localization(tf.zeros([0, 20]), tf.zeros([0, 4])).shape == (0,)
    assert distillation(tf.zeros([0, 20]), tf.zeros([0, 20])).shape == (0,)
