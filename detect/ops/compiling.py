"""How every function of this room is compiled, and what compiled code asks about shapes and about its compiler."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal, TypeVar, cast

import numpy as np
import tensorflow as tf

from detect.ops.tensorflow_internals import GraphOrParentsInXlaContext

F = TypeVar("F", bound=Callable[..., Any])

# What is traced for export: few large operations; the simplest ones only; or those of TensorFlow, but for XLA.
Tracing = Literal["whole", "plain", "tensorflow"]

_exporting: ContextVar[Tracing | None] = ContextVar("exporting", default=None)
_for_accelerator: ContextVar[bool] = ContextVar("for_accelerator", default=False)


def compiled(function: F) -> F:
    """`function` as a `tf.function` where it is called eagerly; traced into the caller's graph where there is one.

    A nested `tf.function` forgets static shapes as soon as two callers differ in them; tracing in place keeps the
    caller's. Arrays and lists become tensors either way; numbers and tuples stay as they are. AutoGraph is off: control
    flow is written as TensorFlow operations.
    """

    @functools.cache
    def graph(accelerator: bool, *ranks: int) -> Callable[..., Any]:
        # One function for each combination of ranks: the reduction of retracing would forget the rank itself.
        return tf.function(function, autograph=False, reduce_retracing=True)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        arguments, options = _to_tensors(arguments, options)
        if not tf.executing_eagerly():
            return function(*arguments, **options)
        ranks = [value.shape.rank for value in (*arguments, *options.values()) if tf.is_tensor(value)]
        return graph(on_accelerator(), *ranks)(*arguments, **options)

    return cast(F, call)


def fused(function: F) -> F:
    """As `compiled`, but always compiled by XLA, anew for each combination of shapes.

    For long chains of operations on large tensors: XLA makes one loop of them, without the tensors in between. Other
    runtimes get the operations.
    """

    @functools.cache
    def graph(accelerator: bool, *shapes: tuple[int | None, ...]) -> Callable[..., Any]:
        # One function for each combination, because TensorFlow warns of a single one that is traced often.
        return tf.function(function, autograph=False, jit_compile=True)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        arguments, options = _to_tensors(arguments, options)
        if is_for_export():
            return function(*arguments, **options)
        shapes = [tuple(value.shape) for value in (*arguments, *options.values()) if tf.is_tensor(value)]
        return graph(on_accelerator(), *shapes)(*arguments, **options)

    return cast(F, call)


def dimension(tensor: tf.Tensor, axis: int) -> int | tf.Tensor:
    """The length of one axis: a Python integer where the graph knows it, a scalar int32 tensor where it does not."""
    static = tensor.shape[axis]
    return tf.shape(tensor)[axis] if static is None else static


def at_most(limit: int, length: int | tf.Tensor) -> int | tf.Tensor:
    """The smaller of a limit and a `dimension`."""
    return min(limit, length) if isinstance(length, int) else tf.minimum(limit, length)


@contextmanager
def tracing_for_export(tracing: Tracing = "whole") -> Iterator[None]:
    """What is traced within is for other runtimes, "plain" for those that know the simplest operations only; or for
    TensorFlow on another machine, whose accelerator or CPU, and whether it has XLA, is not known.
    """
    token = _exporting.set(tracing)
    try:
        yield
    finally:
        _exporting.reset(token)


def is_for_export() -> bool:
    """Whether what is traced now leaves this process: in operations that run everywhere, without XLA."""
    return _exporting.get() is not None


def is_whole() -> bool:
    """Whether it is for a runtime that has, or is taught, large operations of TensorFlow as they are."""
    return _exporting.get() == "whole"


def is_plain() -> bool:
    """Whether it is for a runtime that knows the simplest operations only, and one image at a time."""
    return _exporting.get() == "plain"


def wants_static_shapes() -> bool:
    """Whether the shapes of what is traced now must not depend on values."""
    return is_plain() or suits_xla()


def suits_xla() -> bool:
    """Whether what is traced now should be whole, parallel steps: on an accelerator, or where XLA compiles the caller.

    Elsewhere, on a CPU, the C++ kernels of TensorFlow that XLA does not know are faster. A `tf.function` keeps the
    answer of its first trace, so it must not be called both under XLA and without.
    """
    if is_for_export():
        return False
    return on_accelerator() or GraphOrParentsInXlaContext(tf.compat.v1.get_default_graph())


@contextmanager
def tracing_for_accelerator() -> Iterator[None]:
    """What is traced within is as it would be on a machine with a GPU, which this one may have none of."""
    token = _for_accelerator.set(True)
    try:
        yield
    finally:
        _for_accelerator.reset(token)


def on_accelerator() -> bool:
    """Whether this process computes on a GPU or TPU. There XLA compiles whole steps, and not on a CPU, whose
    convolutions by XLA are slower than oneDNN's. What leaves this process is not for its devices.
    """
    if is_for_export():
        return False
    if _for_accelerator.get():
        return True
    return bool(tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("TPU"))


def _to_tensors(arguments: tuple[Any, ...], options: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return tuple(map(_to_tensor, arguments)), {name: _to_tensor(value) for name, value in options.items()}


def _to_tensor(value: Any) -> Any:
    return tf.convert_to_tensor(value) if isinstance(value, np.ndarray | list) else value
