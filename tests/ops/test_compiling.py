"""How operations are compiled: eager, in a graph, with NumPy arrays, with changing shapes."""

from typing import get_args

import numpy as np
import pytest
import tensorflow as tf

from detect.ops import compiling
from detect.ops.compiling import (
    Runtime,
    at_most,
    compiled,
    dimension,
    fused,
    on_accelerator,
    suits_xla,
    wants_static_shapes,
)


@compiled
def double(values):
    """Twice the values."""
    assert not tf.executing_eagerly()
    return values * 2


def test_keeps_name_and_docstring():
    assert double.__name__ == "double"
    assert double.__doc__ == "Twice the values."


@pytest.mark.parametrize("decorate", [compiled, fused])
@pytest.mark.parametrize("values", [np.array([1.0, 2.0], np.float32), tf.constant([1.0, 2.0]), [1.0, 2.0]])
def test_takes_arrays_tensors_and_lists_eagerly_and_in_a_graph(decorate, values):
    function = decorate(double.__wrapped__)
    np.testing.assert_array_equal(function(values), [2.0, 4.0])
    np.testing.assert_array_equal(tf.function(lambda: function(values))(), [2.0, 4.0])


@pytest.mark.parametrize("decorate", [compiled, fused])
def test_static_shapes_survive_in_a_graph_after_calls_with_other_shapes(decorate):
    function = decorate(double.__wrapped__)
    for length in (1, 2, 3):
        function(tf.zeros([length]))
    graph = tf.function(function).get_concrete_function(tf.TensorSpec([5]))
    assert graph.output_shapes == [5]


def test_traces_once_for_all_lengths_after_the_second():
    traces = []

    @compiled
    def count(values):
        traces.append(values.shape)
        return values + 1

    for length in range(1, 9):
        count(tf.zeros([length]))
    assert len(traces) == 2


def test_dimension_is_an_integer_where_it_is_known():
    assert dimension(tf.zeros([2, 3]), -1) == 3
    assert at_most(2, 3) == 2

    @tf.function(input_signature=[tf.TensorSpec([None, 3])])
    def lengths(values):
        assert dimension(values, 1) == 3
        return dimension(values, 0), at_most(5, dimension(values, 0))

    assert lengths(tf.zeros([7, 3])) == (7, 5)


def test_ranks_may_differ_from_call_to_call():
    @compiled
    def first_of_last(values):
        return tf.unstack(values, axis=-1)[0]

    for shape in ([3], [5, 3], [2, 5, 3], [4, 3], [6, 1, 3]):
        assert first_of_last(tf.zeros(shape)).shape == shape[:-1]


def xla_suits_what_is_traced():
    """In the function itself, in one that it calls, and in a loop."""
    inner = tf.function(lambda: tf.constant(suits_xla()))
    looped = tf.while_loop(lambda answer, _: ~answer, lambda *_: (True, suits_xla()), (False, False))[1]
    return tf.constant(suits_xla()), inner(), looped


def test_suits_xla_where_it_compiles_the_caller(monkeypatch):
    monkeypatch.setattr(compiling, "on_accelerator", lambda runtime: False)
    assert not suits_xla()
    assert not any(tf.function(xla_suits_what_is_traced)())
    assert all(tf.function(xla_suits_what_is_traced, jit_compile=True)())
    monkeypatch.setattr(compiling, "on_accelerator", lambda runtime: True)
    assert suits_xla()


def test_what_each_runtime_suits():
    assert on_accelerator("accelerator")
    assert suits_xla("accelerator")
    assert wants_static_shapes("accelerator")
    for runtime in ("portable", "minimal"):
        answers = tf.function(lambda runtime=runtime: (on_accelerator(runtime), suits_xla(runtime)), jit_compile=True)
        assert not any(answers())  # although XLA compiles the caller
    assert wants_static_shapes("minimal")
    assert not wants_static_shapes("portable")


@pytest.mark.parametrize("runtime", get_args(Runtime))
def test_xla_compiles_fused_functions_unless_they_leave_this_process(runtime):
    @fused
    def square(values, *, runtime):
        return values * values

    graph = tf.function(lambda values: square(values, runtime=runtime)).get_concrete_function(tf.TensorSpec([2]))
    compiled_by_xla = "_XlaMustCompile" in str(graph.graph.as_graph_def())
    assert compiled_by_xla == (runtime in ("local", "accelerator"))
    np.testing.assert_array_equal(graph(tf.constant([2.0, 3.0])), [4, 9])
