"""Deformable sampling against values worked by hand and a plain loop over points; its gradients."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops.deformable import deformable_sampling

SIZES, POINTS = ((3, 5), (2, 2)), (2, 1)
METHODS = ("bilinear", "discrete")


def by_loop(memory, sizes, locations, weights, points, method):
    """Return [B, Q, D] by the definition, one point at a time, in float64."""
    channels = memory.shape[2] // locations.shape[2]
    result = np.zeros((*locations.shape[:2], memory.shape[2]))
    for b, q, h, p in np.ndindex(locations.shape[:-1]):
        level = int(np.searchsorted(np.cumsum(points), p, side="right"))
        start, (height, width) = sum(a * b for a, b in sizes[:level]), sizes[level]
        own = slice(h * channels, (h + 1) * channels)
        tokens = memory[b, start : start + height * width, own].reshape(height, width, channels)
        read = bilinear if method == "bilinear" else discrete
        result[b, q, own] += weights[b, q, h, p] * read(tokens, *np.float64(locations[b, q, h, p]))
    return result


def bilinear(tokens, x, y):
    height, width, channels = tokens.shape
    x, y = x * width - 0.5, y * height - 0.5
    value = np.zeros(channels)
    for row in (np.floor(y), np.floor(y) + 1):
        for column in (np.floor(x), np.floor(x) + 1):
            if 0 <= row < height and 0 <= column < width:
                share = (1 - abs(y - row)) * (1 - abs(x - column))
                value += share * tokens[int(row), int(column)]
    return value


def discrete(tokens, x, y):
    height, width, _ = tokens.shape
    row, column = (int(np.clip(np.floor(z * n + 0.5), 0, n - 1)) for z, n in ((y, height), (x, width)))
    return tokens[row, column]


def random_case(seed, images=2, queries=40, heads=2, channels=6):
    """Return memory, locations and weights; of the locations some are far outside, at borders, corners and centres."""
    rng = np.random.default_rng(seed)
    memory = rng.standard_normal((images, sum(h * w for h, w in SIZES), channels))
    shape = (images, queries, heads, sum(POINTS))
    locations = rng.uniform(-0.4, 1.4, (*shape, 2))
    locations[:, ::4] = rng.choice([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1, -7, 1e6], (images, queries // 4, *shape[2:], 2))
    return tuple(values.astype(np.float32) for values in (memory, locations, rng.standard_normal(shape)))


def sample(memory, locations, weights, method="bilinear"):
    return deformable_sampling(memory, SIZES, locations, weights, POINTS, method)


@pytest.mark.parametrize(
    ("method", "x", "y", "expected"),
    [
        ("bilinear", 0.5, 0.5, 25),  # the mean of all four
        ("bilinear", 0.25, 0.25, 10),  # the centre of the first
        ("bilinear", 0.375, 0.25, 12.5),  # a quarter of the way to the second
        ("bilinear", 0, 0, 2.5),  # a corner: three of the four tokens around it are zeros
        ("bilinear", 1, 0.75, 20),
        ("bilinear", -0.25, 0.25, 0),
        ("bilinear", np.inf, 0.5, 0),
        ("discrete", 0, 0, 10),
        ("discrete", 0.24, 0.24, 10),
        ("discrete", 0.26, 0.24, 20),
        ("discrete", 0.26, 0.75, 40),
        ("discrete", -9, 9, 30),
        ("discrete", np.inf, -np.inf, 20),
    ],
)
def test_points_among_four_tokens_by_hand(method, x, y, expected):
    memory = np.float32([10, 20, 30, 40]).reshape(1, 4, 1)
    point = np.float32([x, y]).reshape(1, 1, 1, 1, 2)
    found = deformable_sampling(tf.constant(memory), [(2, 2)], point, tf.ones([1, 1, 1, 1]), [1], method)
    np.testing.assert_allclose(found, [[[expected]]])


@pytest.mark.parametrize("method", METHODS)
def test_a_plain_loop_gives_the_same(method):
    case = random_case(0)
    memory, locations, weights = case
    expected = by_loop(memory, SIZES, locations, weights, POINTS, method)
    np.testing.assert_allclose(sample(*map(tf.constant, case), method), expected, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_gradients_of_memory_and_weights(method):
    """The result is linear in each: what another one gives, times `upstream`, is that one times the gradient."""
    memory, locations, weights = map(tf.constant, random_case(1))
    others = random_case(2)
    upstream = tf.constant(np.random.default_rng(3).standard_normal((2, 40, 6)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch((memory, weights))
        result = sample(memory, locations, weights, method)
    of_memory, of_weights = tape.gradient(result, (memory, weights), upstream)
    from_memory = sample(tf.constant(others[0]), locations, weights, method)
    from_weights = sample(memory, locations, tf.constant(others[2]), method)
    np.testing.assert_allclose(np.sum(of_memory * others[0]), np.sum(from_memory * upstream), rtol=1e-4)
    np.testing.assert_allclose(np.sum(of_weights * others[2]), np.sum(from_weights * upstream), rtol=1e-4)


def test_gradient_of_locations():
    """It is the slope between two points of one cell, between which the result is linear in x and in y."""
    memory, locations, weights = random_case(4)
    sides = np.repeat([(w, h) for h, w in SIZES], POINTS, axis=0)
    locations = (np.floor(locations.clip(-0.3, 1.3) * sides) + 0.8) / sides  # 0.3 tokens beyond a centre
    points = tf.constant(locations, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(points)
        total = tf.reduce_sum(sample(tf.constant(memory), points, tf.constant(weights)), axis=-1)  # [B, Q]
    slopes = tape.gradient(total, points)
    for p, axis in np.ndindex(sum(POINTS), 2):
        step = np.zeros((1, 1, 2, sum(POINTS), 2))
        step[..., 1, p, axis] = 0.01
        beyond, before = (
            by_loop(memory, SIZES, locations + move, weights, POINTS, "bilinear").sum(axis=-1) for move in (step, -step)
        )
        np.testing.assert_allclose(slopes[:, :, 1, p, axis], (beyond - before) / 0.02, atol=1e-3)


def test_no_gradient_flows_to_discrete_points():
    memory, locations, weights = map(tf.constant, random_case(5))
    with tf.GradientTape() as tape:
        tape.watch(locations)
        result = sample(memory, locations, weights, "discrete")
    assert tape.gradient(result, locations) is None


def test_coordinates_keep_their_precision_beside_bfloat16():
    """Of 1,000 tokens in a row, bfloat16 could not tell neighbours apart."""
    memory = tf.cast(tf.tile(tf.constant([0.0, 1]), [500])[None, :, None], tf.bfloat16)
    points = tf.stack([(tf.range(990.0, 1000) + 0.5) / 1000, tf.fill([10], 0.5)], axis=-1)
    with tf.GradientTape() as tape:
        tape.watch(memory)
        found = deformable_sampling(memory, [(1, 1000)], points[None, :, None, None], tf.ones([1, 10, 1, 1]), [1])
    assert found.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(found, tf.float32)[0, :, 0], [0, 1] * 5, atol=1e-2)
    gradient = tape.gradient(found, memory)
    assert gradient.dtype == tf.bfloat16
    np.testing.assert_allclose(tf.cast(gradient, tf.float32)[0, -10:, 0], np.ones(10), atol=2e-2)


@pytest.mark.parametrize("method", METHODS)
def test_coordinates_that_are_not_numbers_do_not_fail(method):
    memory, locations, weights = random_case(6, images=1, queries=4)
    found = sample(tf.constant(memory), tf.constant(locations * np.nan), tf.constant(weights), method)
    assert np.isfinite(found).all()
