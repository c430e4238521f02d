"""Compilation of the functions of this room, and the questions of compiled code about shapes, devices and compilers."""

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import numpy as np
import tensorflow as tf

from detect.ops.tensorflow_internals import GraphOrParentsInXlaContext, optimization_barrier

F = TypeVar("F", bound=Callable[..., Any])

Runtime = Literal["local", "accelerator", "portable", "minimal"]
"""The runtime of the operations that are traced. Operations with several implementations take it as `runtime`.

- `local`: this process, on the devices that it has.
- `accelerator`: a GPU or TPU, whether this process has one or not; for tests and tools.
- `portable`: TensorFlow on another machine, or a runtime for which a converter translates TensorFlow's operations.
- `minimal`: a runtime that has only simple operations and takes one image per call.
"""


def compiled(function: F) -> F:
    """Return `function` as a `tf.function` when it is called eagerly; in a graph it is traced into that graph.

    A nested `tf.function` forgets static shapes as soon as two callers differ in them; tracing in place keeps the
    caller's. Arrays and lists become tensors either way; numbers, strings and tuples stay as they are. AutoGraph is
    off: control flow is written as TensorFlow operations.
    """

    @functools.cache
    def graph(*ranks: int) -> Callable[..., Any]:
        # One function for each combination of ranks: the reduction of retracing would forget the rank itself.
        return tf.function(function, autograph=False, reduce_retracing=True)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        arguments, options = _to_tensors(arguments, options)
        if not tf.executing_eagerly():
            return function(*arguments, **options)
        ranks = [value.shape.rank for value in (*arguments, *options.values()) if tf.is_tensor(value)]
        return graph(*ranks)(*arguments, **options)

    return cast(F, call)


def fused(function: F) -> F:
    """Return `function` compiled by XLA, also within a graph, anew for each combination of shapes.

    For long chains of operations on large tensors: XLA makes one loop of them, without the tensors in between. Where
    the function has an argument `runtime` and is called for another runtime than this process, which may have no XLA,
    its operations are traced into the caller's graph.
    """

    @functools.cache
    def graph(*shapes: tuple[int | None, ...]) -> Callable[..., Any]:
        # One function for each combination, because TensorFlow warns of a single one that is traced often.
        return tf.function(function, autograph=False, jit_compile=True)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        arguments, options = _to_tensors(arguments, options)
        if is_exported(options.get("runtime", "local")):
            return function(*arguments, **options)
        shapes = [tuple(value.shape) for value in (*arguments, *options.values()) if tf.is_tensor(value)]
        return graph(*shapes)(*arguments, **options)

    return cast(F, call)


def dimension(tensor: tf.Tensor, axis: int) -> int | tf.Tensor:
    """Return the length of one axis: a Python integer where the graph knows it, else a scalar int32 tensor."""
    static = tensor.shape[axis]
    return tf.shape(tensor)[axis] if static is None else static


def at_most(limit: int, length: int | tf.Tensor) -> int | tf.Tensor:
    """Return the smaller of a limit and a `dimension`."""
    return min(limit, length) if isinstance(length, int) else tf.minimum(limit, length)


def is_exported(runtime: Runtime) -> bool:
    """Return whether the operations leave this process, for a runtime whose devices and compilers are not known."""
    return runtime in ("portable", "minimal")


def on_accelerator(runtime: Runtime = "local") -> bool:
    """Return whether a GPU or TPU runs the operations.

    There XLA compiles whole steps. On a CPU it does not: its convolutions are slower than oneDNN's.
    """
    if runtime != "local":
        return runtime == "accelerator"
    return bool(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))


def suits_xla(runtime: Runtime = "local") -> bool:
    """Return whether what is traced now should be whole, parallel steps: on an accelerator, or where XLA compiles the
    caller.

    Elsewhere, on a CPU, the C++ kernels of TensorFlow that XLA does not know are faster. A `tf.function` keeps the
    answer of its first trace, so it must not be called both under XLA and without.
    """
    if is_exported(runtime):
        return False
    return on_accelerator(runtime) or GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


def wants_static_shapes(runtime: Runtime = "local") -> bool:
    """Return whether the shapes of what is traced now must not depend on values."""
    return runtime == "minimal" or suits_xla(runtime)


def materialized(tensor: tf.Tensor) -> tf.Tensor:
    """Return `tensor`, which XLA then writes to memory instead of computing it again wherever it is used."""
    return optimization_barrier(tensor)[0]


def _to_tensors(arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(map(_to_tensor, arguments)), {name: _to_tensor(value) for name, value in options.items()}


def _to_tensor(value: Any) -> Any:
    return tf.convert_to_tensor(value) if isinstance(value, np.ndarray | list) else value
