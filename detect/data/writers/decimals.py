"""Coordinates as short decimals, and as text."""

import numpy as np


def decimals(values: np.ndarray) -> np.ndarray:
    """Return float32 values as the float64 of their shortest decimals.

    As text these are short, 10.2 in place of 10.199999809265137, and read as float32 they are the same again.
    """
    values = np.ascontiguousarray(values, np.float32)
    if (values == np.floor(values)).all():  # as most are
        return values.astype(np.float64)
    return values.astype(str).astype(np.float64)


def text(value: float) -> str:
    """Return a number as text that is read as the same number, whole numbers without a point."""
    return str(int(value)) if value.is_integer() else repr(value)
