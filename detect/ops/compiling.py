"""How every function of this room is compiled, and the one question that compiled code asks about shapes."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
import tensorflow as tf

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """`function` as a `tf.function` where it is called eagerly; traced into the caller's graph where there is one.

    A nested `tf.function` forgets static shapes as soon as two callers differ in them; tracing in place keeps the
    caller's. NumPy arrays become tensors either way. AutoGraph stays off: control flow is written as TensorFlow ops.
    """
    graph = tf.function(function, autograph=False, reduce_retracing=True)

    @functools.wraps(function)
    def call(*arguments: Any, **options: Any) -> Any:
        if tf.executing_eagerly():
            return graph(*arguments, **options)
        return function(*map(_to_tensor, arguments), **{name: _to_tensor(value) for name, value in options.items()})

    return cast(F, call)


def dimension(tensor: tf.Tensor, axis: int) -> int | tf.Tensor:
    """The length of one axis: a Python integer where the graph knows it, a scalar int32 tensor where it does not."""
    static = tensor.shape[axis]
    return tf.shape(tensor)[axis] if static is None else static


def _to_tensor(value: Any) -> Any:
    return tf.convert_to_tensor(value) if isinstance(value, np.ndarray) else value
