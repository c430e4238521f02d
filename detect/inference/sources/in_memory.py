"""Pictures that a program already holds."""

from typing import Any

import numpy as np
from PIL import Image, ImageOps

from detect.errors import BadInput


def rgb_array(picture: Any) -> np.ndarray:
    """An array or a PIL image as upright uint8 RGB [H, W, 3]; BadInput where its values have no known meaning."""
    if isinstance(picture, Image.Image):
        return _from_pillow(picture)
    if not isinstance(picture, np.ndarray):
        raise BadInput(f"A {type(picture).__name__} is no source. Expected a path, an address, an array, a PIL image.")
    if picture.dtype != np.uint8:
        raise BadInput(f"Expected an array of uint8 values 0..255, got {picture.dtype}. Convert it first.")
    if picture.ndim == 2:
        return np.repeat(picture[:, :, None], 3, axis=2)
    if picture.ndim != 3 or picture.shape[2] != 3 or 0 in picture.shape:
        raise BadInput(f"Expected an RGB array [height, width, 3], got {list(picture.shape)}.")
    return np.ascontiguousarray(picture)


def _from_pillow(picture: Image.Image) -> np.ndarray:
    if picture.mode.startswith(("I", "F")):
        raise BadInput(f"PIL images of mode {picture.mode} have no known range. Convert it, or name its file instead.")
    picture = ImageOps.exif_transpose(picture)
    if picture.has_transparency_data:  # laid over white, as in files
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    return np.array(picture.convert("RGB"))
