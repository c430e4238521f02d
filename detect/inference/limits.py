"""Checks of thresholds and counts, the same on the command line and in Python."""

import contextlib
import math
import numbers
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from detect.errors import BadInput

LARGEST_BATCH = 100_000  # images: more than any memory holds


def check_limits(
    confidence: Any = None, iou: Any = None, batch_size: Any = None, spelled: Callable[[str], str] = str
) -> None:
    """Raise `BadInput` for thresholds that are not numbers from 0 to 1, or a batch size that is not 1 or more.

    Args:
        confidence: score threshold; None is right for each of them.
        iou: overlap above which two boxes of a class are one object.
        batch_size: images per step.
        spelled: returns how errors spell the names of these arguments.
    """
    for name, value in (("confidence", confidence), ("iou", iou)):
        if value is not None and not (_is(value, numbers.Real) and 0 <= value <= 1):
            percent = f" For {value} % give {value / 100:g}." if _is_percent(value) else ""
            raise BadInput(f"{spelled(name)}: expected a number from 0 to 1, got {value!r}.{percent}")
    require_whole("batch_size", batch_size, LARGEST_BATCH, spelled)


def require_whole(name: str, value: Any, most: int, spelled: Callable[[str], str] = str) -> None:
    """Raise `BadInput` for a value that is neither None nor a whole number from 1 to `most`."""
    if value is not None and not (_is(value, numbers.Integral) and 1 <= value <= most):
        raise BadInput(f"{spelled(name)}: expected a whole number from 1 to {most}, got {value!r}.")


def seconds_of(name: str, value: Any, spelled: Callable[[str], str] = str) -> Fraction | None:
    """Return a time in seconds, exact: of a number, or a text such as "90", "1:30" or "0:01:30.5"; of None, None.

    Raises:
        BadInput: it is neither, or less than 0.
    """
    if value is None:
        return None
    parts = str(value).split(":") if isinstance(value, str) or _is(value, numbers.Real) else []
    with contextlib.suppress(ValueError, ZeroDivisionError):  # of what is no finite number
        numbers_of_parts = [Fraction(part) for part in reversed(parts)]
        if 1 <= len(parts) <= 3 and min(numbers_of_parts) >= 0 and all(part < 60 for part in numbers_of_parts[:-1]):
            return sum((part * 60**power for power, part in enumerate(numbers_of_parts)), Fraction(0))
    raise BadInput(f"{spelled(name)}: expected seconds, or such as 1:30 or 0:01:30.5, got {value!r}.")


def _is_percent(value: Any) -> bool:
    return _is(value, numbers.Real) and math.isfinite(value) and 1 < value <= 100


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
