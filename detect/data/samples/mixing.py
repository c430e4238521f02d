"""Make samples of several images: mosaic and mix-up, as in YOLOX (yolox/data/datasets/mosaicdetection.py).

In a sample, only those classes were looked for that were looked for in all of its images.
"""

import cv2
import numpy as np

from detect.data.pixels.colour import ColourShift
from detect.data.pixels.warping import blank, paint_example, scaling, translation, visible
from detect.data.samples.augmentation import Augmentation, random_fit, random_linear, zoomed_view
from detect.structures import Example

MOSAIC_IMAGES = 4


def mosaic(
    examples: list[Example], settings: Augmentation, rng: np.random.Generator, canvas: np.ndarray, colours: ColourShift
) -> Example:
    """Paint four images around a random point, seen through one random affine view.

    The layout is a square of twice the side. The images, each fitted into a square of `side`, meet at a point of its
    middle half, and the view looks at its middle. Each image is warped straight from its source to the output, so the
    large square is never made. Differences from YOLOX: what it cuts off at the border of the square stays visible, each
    image is flipped on its own, colours are shifted on the images and not on the grey between them, and the view zooms
    about the middle of the square, not about its corner.

    Args:
        examples: four images with their boxes.
        settings: the limits of all random choices.
        rng: draws them.
        canvas: a blank square, uint8 [side, side, 3], on which they are painted.
        colours: a shift of their colours.

    Returns:
        The mosaic, whose image is `canvas`.
    """
    side = len(canvas)
    meeting_x, meeting_y = rng.uniform(0.5, 1.5, 2) * side
    shift_x, shift_y = rng.uniform(-1, 1, 2) * settings.translate * side
    middle = translation(side / 2 + shift_x, side / 2 + shift_y)
    view = middle @ random_linear(settings, rng) @ translation(-side, -side)
    boxes = []
    for position, example in enumerate(examples):
        fitted, width, height = random_fit(example, settings, rng, side)
        left = meeting_x - (width if position in (0, 2) else 0)  # images 0 and 2 lie to the left of the point
        top = meeting_y - (height if position in (0, 1) else 0)  # images 0 and 1 above it
        boxes.append(paint_example(example, view @ translation(left, top) @ fitted, canvas, colours))
    labels, ignore = (np.concatenate([getattr(each, name) for each in examples]) for name in ("labels", "ignore"))
    return Example(canvas, *visible(np.concatenate(boxes), labels, ignore, side, side), _looked_for(examples))


def mix_up(
    example: Example, other: Example, settings: Augmentation, rng: np.random.Generator, colours: ColourShift
) -> Example:
    """Average a finished sample and a zoomed view of another image, and keep the boxes of both.

    Args:
        example: the sample, whose image [side, side, 3] is overwritten.
        other: the other image with its boxes.
        settings: the limits of all random choices.
        rng: draws them.
        colours: a shift of the other image's colours.

    Returns:
        The mixed sample.
    """
    scale, canvas = rng.uniform(*settings.mixup_scale), blank(*example.image.shape[:2])
    view = zoomed_view(other, scaling(scale, scale), np.zeros(2), settings, rng, canvas, colours)
    return Example(
        image=cv2.addWeighted(example.image, 0.5, view.image, 0.5, 0, dst=example.image),
        boxes=np.concatenate([example.boxes, view.boxes]),
        labels=np.concatenate([example.labels, view.labels]),
        ignore=np.concatenate([example.ignore, view.ignore]),
        looked_for=_looked_for([example, view]),
    )


def _looked_for(examples: list[Example]) -> np.ndarray | None:
    """Return the classes that were looked for in all examples of a sample, bool [K]; None where all were."""
    sets = [example.looked_for for example in examples if example.looked_for is not None]
    return np.logical_and.reduce(sets) if sets else None
