"""Optimal assignment: by hand, and against scipy on 10,000 random problems."""

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from detect.ops.hungarian import LIMIT, optimal_assignment

WAYS = ("local", "accelerator")
SHAPES = ((30, 8), (8, 30), (12, 12), (40, 1), (1, 40))  # queries and boxes; 2,000 problems of each


def random_problems(queries, boxes):
    """Return costs [2000, Q, G], of any size, equal, infinite, or not numbers, and counts [2000]."""
    rng = np.random.default_rng([queries, boxes])
    costs = rng.normal(0, 10 ** rng.uniform(-3, 3, (2000, 1, 1)), (2000, queries, boxes))
    costs[1000:1500] = rng.integers(0, 4, (500, queries, boxes))
    for part, values in ((costs[1500:1750], [np.inf, -np.inf]), (costs[1750:], [np.nan, np.inf])):
        part[...] = np.where(rng.random(part.shape) < 0.3, rng.choice(values, part.shape), part)
    return costs.astype(np.float32), rng.integers(0, boxes + 1, 2000, np.int32)


def finite(costs):
    return np.clip(np.where(np.isnan(costs), LIMIT, costs), -LIMIT, LIMIT).astype(np.float64)


def smallest_sums(costs, counts):
    pairs = (linear_sum_assignment(cost[:, :count]) for cost, count in zip(costs, counts, strict=True))
    return np.array([cost[chosen].sum() for cost, chosen in zip(costs, pairs, strict=True)])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("queries", "boxes"), SHAPES)
def test_sums_of_scipy(queries, boxes, way):
    costs, counts = random_problems(queries, boxes)
    found = optimal_assignment(costs, counts, runtime=way).numpy()
    assert found.dtype == np.int32
    costs, given = finite(costs), found >= 0
    real = np.arange(boxes) < counts[:, None]
    assert not (given & ~real).any()
    np.testing.assert_array_equal(given.sum(axis=1), np.minimum(counts, queries))
    times_given = np.sum(found[..., None] == np.arange(queries), axis=1)
    assert times_given.max() == 1
    of_boxes = np.take_along_axis(costs, np.maximum(found, 0)[:, None], axis=1)[:, 0]
    sums = np.where(given, of_boxes, 0).sum(axis=1)
    np.testing.assert_allclose(sums, smallest_sums(costs, counts), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_the_best_query_of_a_box_is_left_to_another_by_hand(way):
    # Both boxes like query 0 best. 1 + 4 costs more than 2 + 2, and without the second box it is 1.
    costs = np.float32([[[1, 2], [2, 4], [9, 9]]] * 2)
    np.testing.assert_array_equal(optimal_assignment(costs, np.int32([2, 1]), runtime=way), [[1, 0], [0, -1]])


@pytest.mark.parametrize("way", WAYS)
def test_of_more_boxes_than_queries_the_dearest_is_left_by_hand(way):
    costs = np.float32([[[5, 1, 2], [3, 6, 9]]])
    np.testing.assert_array_equal(optimal_assignment(costs, np.int32([3]), runtime=way), [[1, 0, -1]])


@pytest.mark.parametrize("way", WAYS)
def test_infinite_costs_are_avoided_by_hand(way):
    costs = np.float32([[[1, 1], [np.inf, 500], [np.nan, np.inf]]])
    np.testing.assert_array_equal(optimal_assignment(costs, np.int32([2]), runtime=way), [[0, 1]])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", [(0, 5, 3), (2, 0, 3), (2, 5, 0)])
def test_nothing_to_assign(shape, way):
    found = optimal_assignment(np.zeros(shape, np.float32), np.full(shape[0], shape[2], np.int32), runtime=way)
    np.testing.assert_array_equal(found, np.full((shape[0], shape[2]), -1))
