"""Open encoded images with Pillow, and HEIC with pillow-heif, up to a limit of pixels."""

import importlib
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from detect.errors import BadInput
from detect.machine import stated_number

# A square of 16,384 pixels, 0.8 GB as RGB, which each worker process may have to hold. More are more likely a mistake
# or an attack than an image to detect objects in. DETECT_MAX_PIXELS sets another limit.
MOST_PIXELS = stated_number("DETECT_MAX_PIXELS", 2**28)
_HEIF_BRANDS = frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"))
_TIFF_STARTS = frozenset((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))  # the last two for files of more than 4 GB

# What Pillow raises for damaged files: it lets the errors of its plugins and of their libraries through.
_OF_PLUGINS = (SyntaxError, TypeError, RuntimeError, LookupError, ArithmeticError, struct.error)
_DAMAGE = (OSError, EOFError, ValueError, *_OF_PLUGINS)

# Pillow refuses twice its own limit, and warns above it. This one holds for every format, whoever decodes it.
Image.MAX_IMAGE_PIXELS = MOST_PIXELS


def require_size(width: int, height: int, where: str) -> None:
    """Raise `BadInput` for an image that has too many pixels to be decoded; `where` names it."""
    if width * height > MOST_PIXELS:
        raise BadInput(_too_many(where, f"{width} x {height}"))


@contextmanager
def opened(file: BinaryIO, where: str) -> Iterator[Image.Image]:
    """Open an image to read its header or to load it.

    Args:
        file: an open file, at its start.
        where: names it in errors.

    Raises:
        BadInput: it is not an image, is damaged, has too many pixels, or needs a package that is not installed.
    """
    try:
        with _image(file, where) as image:
            require_size(*image.size, where)
            yield image
    except UnidentifiedImageError:
        raise BadInput(f"{where}: not an image of a known format ({_beginning(file)}).") from None
    except Image.DecompressionBombError:
        raise BadInput(_too_many(where, f"more than {2 * MOST_PIXELS / 1e6:.0f} million")) from None
    except _DAMAGE as error:
        reason = str(error).rstrip(".")
        raise BadInput(f"{where}: the image cannot be decoded: {reason}. Restore the file or remove it.") from None


def large_tiff_size(file: BinaryIO) -> tuple[int, int] | None:
    """Return width and height of a TIFF with more than `MOST_PIXELS`, as stored; None for other files.

    Of a TIFF, parts can be read; who decodes all of it is stopped by `opened`.
    """
    file.seek(0)
    if file.read(4) not in _TIFF_STARTS:
        return None
    try:
        file.seek(0)
        width, height = TiffImagePlugin.TiffImageFile(file).size
    except _DAMAGE:
        return None
    return (width, height) if width * height > MOST_PIXELS else None


def _too_many(where: str, count: str) -> str:
    most = f"{MOST_PIXELS / 1e6:.3g} million"
    way_on = "Cut it into parts, scale it down, or set the environment variable DETECT_MAX_PIXELS"
    return f"{where}: the image has {count} pixels, and at most {most} are read. {way_on}."


def _image(file: BinaryIO, where: str) -> Image.Image:
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        if not _is_heif(file):
            raise
    file.seek(0)
    return _heif_image(file, where)


def _is_heif(file: BinaryIO) -> bool:
    """Return whether a file begins as ISO/IEC 23008-12 says: a box `ftyp` with one of the brands for HEVC images."""
    file.seek(4)
    return file.read(4) == b"ftyp" and file.read(4) in _HEIF_BRANDS


def _heif_image(file: BinaryIO, where: str) -> Image.Image:
    try:
        pillow_heif = importlib.import_module("pillow_heif")
    except ImportError:
        raise BadInput(
            f"{where}: HEIC images need pillow-heif, which is not installed. Run: pip install pillow-heif"
        ) from None
    return pillow_heif.HeifImageFile(file)


def _beginning(file: BinaryIO) -> str:
    file.seek(0)
    first = file.read(12)
    return f"it begins with {first!r}" if first else "it is empty"
