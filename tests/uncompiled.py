"""Run operations that are not worth compiling: those that a test runs once or twice."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf


@contextlib.contextmanager
def uncompiled() -> Iterator[None]:
    """Run each operation by itself while the context lasts."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
