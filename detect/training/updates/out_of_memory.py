"""Batches that need more memory than there is: they are divided into parts, whose gradients are averaged."""

import tensorflow as tf

from detect.errors import RunFailure

# How XLA and the C++ library call it, in errors that have no type of their own.
_SIGNS = ("RESOURCE_EXHAUSTED", "Resource exhausted", "bad_alloc")


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error of a step says that memory does not suffice."""
    is_of_this_type = isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError))
    return is_of_this_type or any(sign in str(error) for sign in _SIGNS)


def more_parts(batch_size: int, parts: int, replicas: int) -> int:
    """Return into how many parts each batch must be divided where `parts` are not enough.

    Args:
        batch_size: images per batch.
        parts: number of equal parts that each batch is divided into already.
        replicas: devices. With several, one of them cannot do otherwise than the rest.

    Raises:
        RunFailure: there are several devices, or a part has a single image.
    """
    images = batch_size // parts
    if images == 1:
        raise RunFailure("Out of memory: not even one image fits. Take a smaller --image-size, or a smaller --model.")
    factor = smallest_factor(images)
    if replicas > 1:
        raise RunFailure(
            f"Out of memory: {images} images per device do not fit. Start anew with --batch-size {images // factor} "
            f"and {factor} times the setting accumulate, which trains the same model."
        )
    return parts * factor


def smallest_factor(number: int) -> int:
    """Return the smallest prime factor of a number above 1."""
    return next(factor for factor in range(2, number + 1) if number % factor == 0)
