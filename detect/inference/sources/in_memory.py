"""Images that are already in memory."""

from typing import Any, Literal, get_args

import numpy as np
from PIL import Image, ImageOps

from detect.data.pixels.images import decode_image
from detect.errors import BadInput

Channels = Literal["rgb", "bgr"]
_IN_MEMORY = "the image in memory"  # its name in errors


def is_encoded(image: Any) -> bool:
    """Return whether this is the content of an image file: bytes, or a binary file that is open."""
    return isinstance(image, (bytes, bytearray, memoryview)) or hasattr(image, "read")


def rgb_array(image: Any, channels: Channels = "rgb") -> np.ndarray:
    """Convert an array, a PIL image or the content of an image file to upright uint8 RGB [H, W, 3].

    Args:
        image: the image.
        channels: the order of the channels of an array; others know their own.

    Raises:
        BadInput: it is of another type or shape, or the range of its values is not known.
    """
    if channels not in get_args(Channels):
        raise BadInput(f"channels: expected 'rgb' or 'bgr', got {channels!r}.")
    if isinstance(image, Image.Image):
        return _from_pillow(image)
    if is_encoded(image):
        return _decoded(image)
    if not isinstance(image, np.ndarray):
        raise BadInput(_not_a_source(image))
    if image.dtype != np.uint8:
        raise BadInput(f"Expected an array of uint8 values 0..255, got {image.dtype}. Convert it first.")
    if 0 in image.shape or image.ndim not in (2, 3) or image.shape[2:] not in ((), (3,)):
        raise BadInput(
            f"Expected an RGB array [height, width, 3] or a grey one [height, width], got {list(image.shape)}."
        )
    if image.ndim == 2:
        return np.repeat(image[:, :, None], 3, axis=2)
    return np.ascontiguousarray(image if channels == "rgb" else image[:, :, ::-1])


def _decoded(image: Any) -> np.ndarray:
    content = image.read() if hasattr(image, "read") else image
    if isinstance(content, str):
        raise BadInput("A file that is open as text is not a source. Open it with mode 'rb', or give its path.")
    return decode_image(bytes(content), _IN_MEMORY)


def _not_a_source(given: Any) -> str:
    if isinstance(given, int) and not isinstance(given, bool):
        return f'The number {given} is not a source. The index of a camera is a text: "{given}".'
    kind = type(given).__name__
    return f"An object of type {kind} is not a source. Expected a path, a URL, an array, a PIL image or encoded bytes."


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
