"""Sides of images that a model takes. This does not need TensorFlow."""

from collections.abc import Iterable

from detect import models
from detect.errors import BadInput


def require_sides(model: str, sides: Iterable[int], where: str = "--image-size") -> None:
    """Check that a model takes square images of these sides.

    Args:
        model: its name.
        sides: in pixels.
        where: who gave the sides, for errors.

    Raises:
        BadInput: the model does not take one of them.
    """
    limits = models.side_limits(model)
    for side in sides:
        require_side(side, *limits, where)


def require_side(side: int, divisor: int, smallest: int, where: str = "--image-size") -> None:
    """Check that a model takes square images of a side; for errors see `require_sides`.

    Args:
        side: in pixels.
        divisor: `size_divisor` of the model.
        smallest: `smallest_side` of the model.
        where: who gave the side, for errors.
    """
    if side < smallest:
        raise BadInput(f"{where}: expected at least {smallest}, got {side}.")
    if side % divisor:
        below = side // divisor * divisor
        nearest = f"The nearest are {below} and {below + divisor}."
        raise BadInput(f"{where}: expected a multiple of {divisor}, got {side}. {nearest}")
