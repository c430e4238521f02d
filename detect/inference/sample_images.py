"""The images that a model is measured on: those of a dataset as the model takes them, and generated ones."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from detect.artefacts.format import Canvas
from detect.data.pixels.images import read_image
from detect.data.records import Records
from detect.errors import BadInput
from detect.inference.predictor import Model

GENERATED = 8  # images of each size for which there are none in the dataset


def images_of(model: Model, records: Records, count: int, say: Callable[[str], None]) -> list[np.ndarray]:
    """Return `count` images, evenly spaced over the records, on the model's first canvas.

    Args:
        model: takes the images.
        records: the dataset.
        count: how many images; there are fewer if the records, or those that can be read, are fewer.
        say: is told which images cannot be read.

    Raises:
        BadInput: none of them can be read.
    """
    chosen = np.linspace(0, len(records) - 1, min(count, len(records))).round().astype(int)
    read = (_read(records.image_path(index), say) for index in chosen)
    images = [_placed(image, model) for image in read if image is not None]
    if not images:
        raise BadInput(f"No image of the dataset can be read ({len(chosen)} tried). Check it with detect data check.")
    return images


def generated_images(model: Model, canvas: Canvas) -> list[np.ndarray]:
    """Return images with rectangles of random colours on noise."""
    rng, images = np.random.default_rng(0), []
    height, width = canvas
    for _ in range(GENERATED):
        image = rng.integers(0, 256, (height, width, 3)) // 4
        for _ in range(20):
            (y1, y2), (x1, x2) = (np.sort(rng.integers(0, side, 2)) for side in (height, width))
            image[y1:y2, x1:x2] = image[y1:y2, x1:x2] // 8 + rng.integers(0, 192, 3)
        images.append(image.astype(model.placement(1, 1).dtype))
    return images


def _read(path: Path, say: Callable[[str], None]) -> np.ndarray | None:
    try:
        return read_image(path)
    except BadInput as error:
        say(f"Note: an image is left out. {error}")
        return None


def _placed(image: np.ndarray, model: Model) -> np.ndarray:
    """Return an image on the model's canvas, or the tile in the middle of it, if the model sees images by tiles."""
    views = model.views().of(*image.shape[:2])
    view = views[len(views) // 2]
    canvas = np.empty((*view.placement.canvas, 3), view.placement.dtype)
    view.paint(view.window.of(image), canvas)
    return canvas
