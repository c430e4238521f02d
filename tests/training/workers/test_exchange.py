"""What workers tell each other: here they are threads, whose sums are computed by hand; see also `test_workers.py`."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from detect.errors import BadInput, RunFailure
from detect.training.workers.agreement import require_same
from detect.training.workers.cluster import Cluster
from detect.training.workers.exchange import Workers


class Threads(Workers):
    """One of several workers, which are threads and add up their arrays in a list that they share."""

    def __init__(self, index, shared, barrier):
        super().__init__(tf.distribute.get_strategy())
        self.cluster = Cluster(tuple(f"host{number}:1" for number in range(barrier.parties)), index)
        self.shared, self.barrier = shared, barrier

    def _sum(self, values):
        self.barrier.wait()
        self.shared[self.index] = values
        self.barrier.wait()
        return np.sum(self.shared, axis=0, dtype=values.dtype)


def on_each(count, do):
    """Return what `do` returns on each of several workers, or the error that it raises."""

    def call(worker):
        try:
            return do(worker)
        except (BadInput, RunFailure) as error:
            return error

    shared, barrier = [None] * count, threading.Barrier(count, timeout=20)
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, [Threads(index, shared, barrier) for index in range(count)]))


def test_all_get_the_numbers_and_the_text_of_the_chief():
    assert on_each(3, lambda worker: worker.numbers_of_chief(worker.index + 0.5, 1 / 3)) == [(0.5, 1 / 3)] * 3
    assert on_each(2, lambda worker: worker.text_of_chief(lambda: "naïve" * (1 + worker.index))) == ["naïve"] * 2


def test_arrays_are_gathered_in_the_order_of_the_workers_some_empty():
    found = on_each(3, lambda worker: worker.gathered(np.full((2 - worker.index, 2), worker.index + 0.1)))
    for arrays in found:
        assert [array.tolist() for array in arrays] == [[[0.1, 0.1]] * 2, [[1.1, 1.1]], []]


def test_variables_get_the_values_of_the_chief_to_the_bit():
    values = [np.array([[1 / 3, np.inf, -np.inf]], np.float32), np.array([2**40 + 1], np.int64), np.float32(2.5)]

    def send(worker):
        own = [tf.Variable(value if worker.is_chief else np.zeros_like(value)) for value in values]
        worker.send(own)
        return own

    for variables in on_each(2, send):
        for variable, value in zip(variables, values, strict=True):
            np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize("kind", [BadInput, RunFailure])
def test_a_failure_on_one_worker_is_raised_on_all(kind):
    def fail_on_the_second(worker):
        if worker.index == 1:
            raise kind("no such file", "look there")
        return worker.index

    first, second, third = on_each(3, lambda worker: worker.together(lambda: fail_on_the_second(worker)))
    assert second.args == ("no such file", "look there")
    for error in (first, third):
        assert type(error) is kind
        assert error.args == ("On worker 1 (host1:1):", "no such file", "look there")


def test_what_differs_from_the_chief_is_named_on_all_workers_with_both_values():
    facts = [{"seed": "0", "data": "a"}, {"seed": "0", "data": "a"}, {"seed": "3", "data": "b"}]
    for error in on_each(3, lambda worker: require_same(worker, facts[worker.index])):
        assert isinstance(error, BadInput)
        assert "worker 2 (host2:1) differs from the chief, worker 0 (host0:1)" in str(error)
        assert "seed: 3 there, 0 on the chief" in str(error)
        assert "data: b there, a on the chief" in str(error)
    assert on_each(2, lambda worker: require_same(worker, facts[worker.index])) == [None, None]


def test_a_single_process_has_nothing_to_exchange():
    workers, variable = Workers(tf.distribute.get_strategy()), tf.Variable([1.0])
    workers.send([variable])
    require_same(workers, {"seed": "0"})
    assert workers.is_chief
    assert workers.numbers_of_chief(1.5, 2) == (1.5, 2)
    assert workers.text_of_chief(lambda: "text") == "text"
    assert workers.together(lambda: 7) == 7
    assert [array.tolist() for array in workers.gathered(np.ones((1, 2)))] == [[[1, 1]]]
    assert variable.numpy() == [1.0]
