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
    divisor, smallest = models.side_limits(model)
    for side in sides:
        if side < smallest:
            raise BadInput(f"{where}: expected at least {smallest}, got {side}.")
        if side % divisor:
            below = side // divisor * divisor
            nearest = f"The nearest are {below} and {below + divisor}."
            raise BadInput(f"{where}: expected a multiple of {divisor}, got {side}. {nearest}")
