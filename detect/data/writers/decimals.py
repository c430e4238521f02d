"""Coordinates as short decimals, and as text."""

import numpy as np

_SCALES = 10.0 ** np.arange(10)  # of numbers with 0 to 9 digits behind the point


def decimals(values: np.ndarray) -> np.ndarray:
    """Return float32 values as float64, each as the shortest decimal that is read as the same float32.

    As text these are short: 10.2 in place of 10.199999809265137.
    """
    values = np.asarray(values, np.float32)[..., None]
    exact = values.astype(np.float64)
    rounded = np.concatenate([np.rint(exact * _SCALES) / _SCALES, exact], axis=-1)  # to ever more digits
    first = (rounded.astype(np.float32) == values).argmax(axis=-1)
    return np.take_along_axis(rounded, first[..., None], axis=-1)[..., 0]


def text(value: float) -> str:
    """Return a number as text that is read as the same number, whole numbers without a point."""
    return str(int(value)) if value.is_integer() else repr(value)
