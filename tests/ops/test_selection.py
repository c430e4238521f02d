"""The largest of rows, found by counting, are those of a stable sort."""

import numpy as np
import pytest
import tensorflow as tf

from detect.ops import selection
from detect.ops.selection import at_ranks, few_largest, order_of_rows, positions_of_largest, ranks


def rows_with_equals(*shape: int) -> np.ndarray:
    """Return numbers of both signs, most of them several times in a row, with both zeros and minus infinity."""
    values = np.random.default_rng(0).integers(-9, 9, shape).astype(np.float32) / 4
    values.flat[::7], values.flat[3::11] = -0.0, -np.inf
    return values


def sorted_positions(values: np.ndarray) -> np.ndarray:
    return np.argsort(-values, axis=-1, kind="stable")


def test_ranks_of_a_row():
    np.testing.assert_array_equal(ranks(tf.constant([3.0, 5, -1, 5, 0, -0.0])), [2, 0, 5, 1, 3, 4])


def test_values_at_ranks_and_zero_where_there_is_none():
    np.testing.assert_array_equal(at_ranks(tf.constant([7, 8, 9]), tf.constant([1, -1, 0]), 3), [9, 7, 0])


@pytest.mark.parametrize("short", [64, 2])
def test_order_of_short_and_of_long_rows(short, monkeypatch):
    monkeypatch.setattr(selection, "SHORT", short)
    values = rows_with_equals(2, 3, 40)
    np.testing.assert_array_equal(order_of_rows(tf.constant(values)), sorted_positions(values))


@pytest.mark.parametrize("length", [5, 40, 170, 171])
def test_few_of_long_rows(length, monkeypatch):
    monkeypatch.setattr(selection, "BLOCK", 4)
    values = np.maximum(rows_with_equals(2, 3, length), -3)  # finite
    found = few_largest(tf.constant(values), 5)
    np.testing.assert_array_equal(found, sorted_positions(values)[..., :5])


@pytest.mark.parametrize("long", [16_384, 10])
@pytest.mark.parametrize("count", [1, 17, 60])
def test_positions_of_the_largest_in_their_order(count, long, monkeypatch):
    monkeypatch.setattr(selection, "LONG", long)
    values = rows_with_equals(3, 60)
    expected = np.sort(sorted_positions(values)[:, :count])
    np.testing.assert_array_equal(positions_of_largest(tf.constant(values), count), expected)


def test_numbers_that_differ_in_the_last_bit():
    values = np.nextafter(np.float32(0.7), np.float32([[0, 1, 1, 0, 1]]))
    np.testing.assert_array_equal(positions_of_largest(tf.constant(values), 2), [[1, 2]])
    np.testing.assert_array_equal(positions_of_largest(tf.constant(-values), 2), [[0, 3]])
