"""Operations that are run once or twice need not be compiled."""

from contextlib import contextmanager

import tensorflow as tf


@contextmanager
def uncompiled():
    """Run each operation by itself while the context lasts."""
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)
