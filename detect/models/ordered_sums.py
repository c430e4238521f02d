"""Gradients that come out the same to the bit, whichever operations of a graph finish first.

Where a tensor is used several times, its gradients are summed. TensorFlow's sum of three or more begins with any of
them whose memory it can reuse, which depends on what else has been computed until then, so that its rounding differs
from step to step on a CPU. Sums of two are the same in either order.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from detect.ops.tensorflow_internals import backprop, register_vector_space


@contextlib.contextmanager
def ordered_sums() -> Iterator[None]:
    """Make the `gradient` of a tape that is called within it sum gradients in the order in which it finds them."""
    usual = backprop._default_vspace
    register_vector_space(usual._replace(aggregate_fn=_sum))
    try:
        yield
    finally:
        register_vector_space(usual)


def _sum(gradients: list[tf.Tensor]) -> tf.Tensor:
    if len(gradients) < 3 or not all(isinstance(gradient, tf.Tensor) for gradient in gradients):
        return backprop._default_vspace.aggregate_fn(gradients)
    total = gradients[0]
    for number, gradient in enumerate(gradients[1:], start=2):
        # Without control dependencies, TensorFlow's optimizer would join these sums to one.
        with tf.control_dependencies(gradients[number:]):
            total = tf.add(total, gradient)
    return total
