"""Augment one example: a random view of it by one warp, in shifted colours.

Every random choice is drawn from the given generator, in a fixed order, so a sample can be repeated from its seed.
"""

from typing import Annotated

import numpy as np
import pydantic

from detect.config import Settings
from detect.data.pixels.colour import MOST_HUE, ColourShift
from detect.data.pixels.resizing import fit_scale
from detect.data.pixels.warping import flip, paint_example, rotation_and_shear, scaling, translation, visible
from detect.structures import Example

Probability = Annotated[float, pydantic.Field(ge=0, le=1)]


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if not 0 < bounds[0] <= bounds[1]:
        raise ValueError("expected two positive numbers, the smaller one first")
    return bounds


Range = Annotated[tuple[float, float], pydantic.AfterValidator(_ascending)]


class Augmentation(Settings):
    """Random changes to the images of training samples.

    The defaults suit small datasets trained from random weights as well as COCO. They do not rotate: the upright box
    around a rotated object is too large. The YOLOX paper has scale (0.1, 2), rotation 10, shear 2, mosaic 1, mix-up 1.
    """

    flip_horizontal: Probability = 0.5
    """Probability of a horizontal flip."""
    flip_vertical: Probability = 0.0
    """Probability of a vertical flip."""
    scale: Range = (0.5, 1.5)
    """Smallest and largest zoom; 1 is the scale at which the image fits."""
    translate: Probability = 0.1
    """Largest shift, as a share of the side of the sample."""
    rotate_degrees: float = pydantic.Field(0.0, ge=0, le=180)
    """Largest rotation in either direction, degrees."""
    shear_degrees: float = pydantic.Field(0.0, ge=0, le=60)
    """Largest shear in either direction, degrees."""
    hue: int = pydantic.Field(5, ge=0, le=MOST_HUE)
    """Largest change of hue, in steps of 2 degrees."""
    saturation: int = pydantic.Field(30, ge=0, le=255)
    """Largest change of saturation, in levels of 0 to 255."""
    value: int = pydantic.Field(30, ge=0, le=255)
    """Largest change of brightness (HSV value), in levels of 0 to 255."""
    mosaic: Probability = 0.8
    """Probability that a sample is a mosaic of four images."""
    mixup: Probability = 0.0
    """Probability that another image is mixed into a sample."""
    mixup_scale: Range = (0.5, 1.5)
    """Smallest and largest zoom of the image that is mixed in."""
    transform: str | None = None
    """File with a serialized albumentations transform, applied before everything else."""

    def largest_scale(self) -> float:
        """Return the largest factor, relative to the scale at which it fits, at which a sample may show an image."""
        return max(1.0, self.scale[1], self.mixup_scale[1] if self.mixup else 0.0)


def closing_augmentation(settings: Augmentation) -> Augmentation:
    """Return the augmentation of the closing phase (YOLOX, `no_aug`): flips and colours, else as in evaluation."""
    still = {"scale": (1.0, 1.0), "translate": 0.0, "rotate_degrees": 0.0, "shear_degrees": 0.0}
    return settings.model_copy(update={"mosaic": 0.0, "mixup": 0.0, **still})


def random_view(
    example: Example, settings: Augmentation, rng: np.random.Generator, canvas: np.ndarray, colours: ColourShift
) -> Example:
    """Fit an image into a square, then rotate and zoom it about a random point of itself, and shift it.

    Args:
        example: the image and its boxes.
        settings: the limits of all random choices.
        rng: draws them.
        canvas: a blank square, uint8 [side, side, 3], on which the image is painted.
        colours: a shift of the image's colours.

    Returns:
        The view, whose image is `canvas`.
    """
    linear = random_linear(settings, rng)
    shift = rng.uniform(-1, 1, 2) * settings.translate * len(canvas)
    return zoomed_view(example, linear, shift, settings, rng, canvas, colours)


def zoomed_view(
    example: Example,
    linear: np.ndarray,
    shift: np.ndarray,
    settings: Augmentation,
    rng: np.random.Generator,
    canvas: np.ndarray,
    colours: ColourShift,
) -> Example:
    """Fit an image into a square, flip it at random, apply `linear` about a random point of it, and shift it.

    Apart from rotation and shift, an image that is zoomed in still covers all that the letterbox covers, and one that
    is zoomed out lies within that.

    Args:
        example: the image and its boxes.
        linear: scale, rotation and shear, as a matrix about the origin.
        shift: x and y, in pixels of the canvas.
        settings: the probabilities of flips.
        rng: draws flips and point.
        canvas: a blank square, uint8 [side, side, 3], on which the image is painted.
        colours: a shift of the image's colours.

    Returns:
        The view, whose image is `canvas`.
    """
    side = len(canvas)
    fitted, width, height = random_fit(example, settings, rng, side)
    point = rng.random(2) * (width, height)
    about_point = translation(*(point + shift)) @ linear @ translation(*-point)
    boxes = paint_example(example, about_point @ fitted, canvas, colours)
    return Example(canvas, *visible(boxes, example.labels, example.ignore, side, side), example.looked_for)


def random_fit(
    example: Example, settings: Augmentation, rng: np.random.Generator, side: int
) -> tuple[np.ndarray, float, float]:
    """Return the matrix that fits an image into a square at the origin, and its size there.

    Args:
        example: whose image it is.
        settings: the probabilities of flips.
        rng: draws them.
        side: of the square, pixels.

    Returns:
        The matrix, and width and height of the fitted image.
    """
    height, width = example.image.shape[:2]
    scale = fit_scale(height, width, (side, side))
    horizontal, vertical = rng.random(2) < (settings.flip_horizontal, settings.flip_vertical)
    return scaling(scale, scale) @ flip(width, height, horizontal, vertical), scale * width, scale * height


def random_linear(settings: Augmentation, rng: np.random.Generator) -> np.ndarray:
    """Draw scale, rotation and shear within the limits of the settings, as one matrix about the origin."""
    scale = rng.uniform(*settings.scale)
    angle = rng.uniform(-1, 1) * settings.rotate_degrees
    shear_x, shear_y = rng.uniform(-1, 1, 2) * settings.shear_degrees
    return scaling(scale, scale) @ rotation_and_shear(angle, shear_x, shear_y)


def random_colours(settings: Augmentation, rng: np.random.Generator) -> ColourShift:
    """Draw a shift of hue, saturation and value within the limits of the settings; each is 0 every second time."""
    limits = (settings.hue, settings.saturation, settings.value)
    amounts = rng.uniform(-1, 1, 3) * limits * rng.integers(0, 2, 3)
    return ColourShift(*np.rint(amounts).astype(int).tolist())
