"""Decode image files of any common format to upright uint8 RGB.

JPEGs of one or three components go through libjpeg-turbo (simplejpeg: the bits of OpenCV's, in a third of the time),
all else through Pillow. What the formats leave open is decided here:

- EXIF orientation is applied; a meaningless one is ignored.
- Transparency is laid over white, as browsers and annotation tools show it. A transparent pixel's own colour was
  never seen by anyone.
- 16 bits per channel are scaled by 255 / 65535, whatever range the image uses.
- CMYK is converted without its colour profile; in JPEGs it is stored inverted, as Adobe does.
- Of an animation or a multi-page file, the first image is taken.
- A file that ends early is an error, and so is a JPEG that was overwritten: never an image that is half grey or noise.
- An image with more than `MOST_PIXELS` is an error.
"""

import io
import re
from pathlib import Path

import cv2
import numpy as np
import simplejpeg
from PIL import Image

from detect.data.pixels.headers import SUFFIXES, Header, is_complete_jpeg, parse_header, read_header
from detect.data.pixels.pillow_files import opened
from detect.data.pixels.warping import halve
from detect.data.regular_files import open_regular
from detect.errors import BadInput

__all__ = [
    "SUFFIXES",
    "count_images",
    "decode_image",
    "image_size",
    "read_encoded",
    "read_halved",
    "read_image",
    "turn_upright",
]

_EXTRANEOUS = re.compile("Corrupt JPEG data: ([0-9]+) extraneous bytes before marker 0xd9")
_FEW_BYTES = 64
_DAMAGE = ("Corrupt JPEG", "Unsupported marker", "Bogus", "Invalid JPEG file structure", "Unsupported JPEG process")
_OPENCV = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION


def read_image(path: str | Path) -> np.ndarray:
    """Read the upright image in a file, uint8 [H, W, 3] RGB; BadInput where it cannot be read."""
    return decode_image(read_encoded(path), str(path))


def read_halved(path: str | Path, times: int) -> tuple[np.ndarray, tuple[int, int]]:
    """Read an image at 1/2, 1/4, ... of its size.

    Pixels are averaged. JPEGs come smaller from their decoder, in a part of the time; their odd last row or column may
    then be one pixel more than `halve` leaves.

    Args:
        path: the file.
        times: how often the image is halved.

    Returns:
        The upright image, uint8 [H, W, 3] RGB, and the width and height of the whole image.

    Raises:
        BadInput: the file cannot be read.
    """
    data, where = read_encoded(path), str(path)
    header = parse_header(io.BytesIO(data), where)
    image = _decode(data, header, where, times)
    size = header.size if times else (image.shape[1], image.shape[0])
    return image, size


def decode_image(data: bytes, where: str, times: int = 0) -> np.ndarray:
    """Decode an encoded image.

    Args:
        data: the content of its file.
        where: names it in errors.
        times: how often the image is halved, as by `read_halved`.

    Returns:
        The upright image, uint8 [H, W, 3] RGB.

    Raises:
        BadInput: it cannot be decoded.
    """
    return _decode(data, parse_header(io.BytesIO(data), where), where, times)


def image_size(path: str | Path) -> tuple[int, int]:
    """Return width and height of the upright image, from the file's header only; BadInput where it cannot be read."""
    try:
        return read_header(path).size
    except OSError as error:
        raise BadInput(f"{path}: the image cannot be read: {error.strerror}.") from None


def count_images(path: str | Path) -> int:
    """Return how many images a file has: those of an animation or its pages, of which `read_image` reads the first.

    The pictures in the MPO of a camera are one, seen by two lenses or in another size, and count as one.
    """
    try:
        with open_regular(path) as file, opened(file, str(path)) as image:
            return 1 if image.format in ("JPEG", "MPO") else getattr(image, "n_frames", 1)
    except OSError as error:
        raise BadInput(f"{path}: the image cannot be read: {error.strerror}.") from None


def turn_upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """Return a stored image [H, W, ...] turned upright, as its EXIF orientation (1-8) says."""
    # With OpenCV, because NumPy takes 20 ms to copy a turned view of 1920 x 1080 pixels, OpenCV 1 to 5 ms.
    if orientation >= 5:
        image = cv2.transpose(image)
    rows, columns = orientation in (3, 4, 7, 8), orientation in (2, 3, 6, 7)  # that run backwards
    if rows or columns:
        image = cv2.flip(image, -1 if rows and columns else int(columns))
    return np.ascontiguousarray(image)


def read_encoded(path: str | Path) -> bytes:
    """Return an image as it is in its file; BadInput where it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read()
    except OSError as error:
        raise BadInput(f"{path}: the image cannot be read: {error.strerror}.") from None


def _decode(data: bytes, header: Header, where: str, times: int = 0) -> np.ndarray:
    if header.components and _is_too_short(data, header):
        raise BadInput(
            f"{where}: the JPEG has fewer bytes than its size in pixels needs: it is truncated, or no image."
        )
    if header.components in (1, 3) and is_complete_jpeg(data, header):
        image = _decode_jpeg(data, header, where, times)
        if image is not None:
            return turn_upright(image, header.orientation)
    return turn_upright(halve(_decode_with_pillow(data, where), times), header.orientation)


def _is_too_short(data: bytes, header: Header) -> bool:
    """Return whether a JPEG has less than a bit for each block of 8 x 8 pixels, as no Huffman code can have.

    A decoder would fill all of them with grey: a gigabyte and ten seconds for a file of some hundred bytes.
    """
    return header.stored_width * header.stored_height > 8 * 64 * len(data)


def _decode_jpeg(data: bytes, header: Header, where: str, times: int) -> np.ndarray | None:
    """Return the stored image, halved; None where it cannot be decoded; BadInput where its pixels are damaged.

    simplejpeg is strict: OpenCV may read what it refuses.
    """
    eighth = min(times, 3)  # the decoder shrinks to an eighth at most
    smallest = {"min_height": -(-header.stored_height >> eighth), "min_width": -(-header.stored_width >> eighth)}
    try:
        return halve(simplejpeg.decode_jpeg(data, "RGB", **(smallest if eighth else {})), times - eighth)
    except ValueError as error:
        if _loses_pixels(str(error), len(data)):
            raise BadInput(f"{where}: the JPEG is damaged: {error}. Restore the file or remove it.") from None
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _OPENCV)
        return None if image is None else halve(image, times)


def _loses_pixels(complaint: str, size: int) -> bool:
    """Return whether a JPEG of `size` bytes, of which libjpeg complains, is noise or grey from some place on.

    Other decoders than a strict one show it so, without a word. A few bytes between the last pixel and the end marker
    do no harm; many are left where a part of the file was overwritten.
    """
    if extraneous := _EXTRANEOUS.fullmatch(complaint):
        return int(extraneous[1]) > max(_FEW_BYTES, size // 100)
    return complaint.startswith(_DAMAGE)


def _decode_with_pillow(data: bytes, where: str) -> np.ndarray:
    with opened(io.BytesIO(data), where) as image:
        image.load()
        return _to_rgb(image, where)


def _to_rgb(image: Image.Image, where: str) -> np.ndarray:
    if image.mode.startswith("I"):  # one channel of 16 bits, or of 32 that hold 16
        return _from_16_bits(np.asarray(image), where)
    if image.mode == "F":
        raise BadInput(f"{where}: a floating-point image has no known range. Save it with 8 or 16 bits per channel.")
    if image.mode in ("LA", "La", "PA", "RGBa", "RGBA") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.array(image.convert("RGB"))


def _from_16_bits(values: np.ndarray, where: str) -> np.ndarray:
    if values.min() < 0 or values.max() > 65535:
        raise BadInput(f"{where}: values {values.min()}..{values.max()} do not fit 16 bits. Save it with 8 or 16 bits.")
    grey = ((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)
