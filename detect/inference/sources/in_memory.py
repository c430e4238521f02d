"""Images that are already in memory."""

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from detect.errors import BadInput


def rgb_array(image: Any) -> np.ndarray:
    """Convert an array or a PIL image to upright uint8 RGB [H, W, 3].

    Raises:
        BadInput: it is of another type or shape, or the range of its values is not known.
    """
    if isinstance(image, Image.Image):
        return _from_pillow(image)
    if not isinstance(image, np.ndarray):
        raise BadInput(f"A {type(image).__name__} is not a source. Expected a path, a URL, an array or a PIL image.")
    if image.dtype != np.uint8:
        raise BadInput(f"Expected an array of uint8 values 0..255, got {image.dtype}. Convert it first.")
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    if image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise BadInput(f"Expected an RGB array [height, width, 3], got {list(image.shape)}.")
    return np.ascontiguousarray(image)


def _from_pillow(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):
        raise BadInput(
            f"The range of PIL images of mode {image.mode} is not known. Convert the image, or give its file instead."
        )
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:  # white shows through, as in files
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))
