"""Denoising queries follow from the seed, the step and the image, also where several replicas share a batch."""

import numpy as np
import pytest
import tensorflow as tf
from pretended_replicas import in_replicas
from uncompiled import uncompiled
from written_targets import truth

from detect.models.drawn_noise import draw_noisy_queries
from detect.structures import Targets

TARGETS = truth(
    [([4, 6, 40, 30], 1, False), ([30, 20, 60, 60], 0, False), ([0, 0, 9, 9], 0, True)],
    [],
    [([10, 10, 50, 50], 2, False)],
    [],
)


@pytest.fixture(autouse=True)
def eager():
    with uncompiled():
        yield


def drawn(targets, seed, pairs=6):
    return draw_noisy_queries(targets, (64, 64), tf.constant(seed), pairs=pairs, classes=3)


def test_equal_seeds_draw_the_same_noise():
    first, again, next_step, other = (drawn(TARGETS, seed) for seed in ([7, 0], [7, 0], [7, 1], [8, 0]))
    np.testing.assert_array_equal(first.boxes, again.boxes)
    for noise in (next_step, other):
        assert np.mean(first.boxes != noise.boxes) > 0.3
    assert not np.allclose(first.boxes[0, 0], first.boxes[0, 4])  # nor is it the same in every group


def test_ignored_regions_have_no_queries():
    """Two boxes in one image: three groups of two pairs."""
    noise = drawn(TARGETS, [0, 0])
    assert noise.indices.shape == (4, 12)
    np.testing.assert_array_equal(np.unique(noise.indices[0]), [-1, 0, 1])
    np.testing.assert_array_equal(noise.group, np.repeat([0, 1, 2], 4))


def test_noise_is_within_the_image_and_half_of_a_side():
    noise = drawn(truth([([16, 16, 48, 48], 0, False)]), [0, 0], pairs=50)
    corners = np.concatenate(
        [noise.boxes[..., :2] - noise.boxes[..., 2:] / 2, noise.boxes[..., :2] + noise.boxes[..., 2:] / 2], -1
    )
    moved = 64 * np.abs(corners[0] - 0.25 - np.float32([0, 0, 0.5, 0.5]))
    positive = noise.indices[0].numpy() >= 0
    assert np.all(moved[positive] < 16.001)
    assert np.all((corners > -1e-6) & (corners < 1 + 1e-6))


def test_two_replicas_draw_what_one_does():
    """The images of the second one have fewer boxes, and as many groups all the same."""

    def of_replica(replica):
        return drawn(Targets(*(values[2 * replica : 2 * replica + 2] for values in TARGETS.truth)), [3, 4])

    together, (first, second) = drawn(TARGETS, [3, 4]), in_replicas(of_replica)
    for name in ("labels", "boxes", "indices"):
        values = tf.concat([getattr(first, name), getattr(second, name)], axis=0)
        np.testing.assert_array_equal(values, getattr(together, name))
    np.testing.assert_array_equal(second.group, together.group)
