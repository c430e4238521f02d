"""What an image file says about its picture before anything is decoded: size and orientation.

Data sets have up to a million images, and each is asked once: a JPEG's header takes about 20 microseconds to parse here,
150 through Pillow, which reads all other formats.
"""

import io
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from detect.errors import BadInput

# What counts as an image file when a folder is searched, in lower case.
SUFFIXES = frozenset(".jpg .jpeg .jpe .jfif .png .webp .bmp .dib .tif .tiff .gif .ppm .pgm .pbm .pnm .jp2".split())

_ORIENTATION = 0x0112  # the EXIF tag
_EXIF = b"Exif\0\0"
_START_OF_SCAN = 0xDA
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0-SOF15; the three are other tables
_WITHOUT_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])


@dataclass(frozen=True)
class Header:
    """Size as stored, and how to turn the stored picture upright."""

    stored_width: int  # pixels
    stored_height: int
    orientation: int  # EXIF 1-8; 1 where none, or a meaningless one, is given
    components: int = 0  # of a JPEG: 1 grey, 3 colour, 4 CMYK; 0 for other formats
    scan_start: int = 0  # of a JPEG: where its first scan begins, bytes

    @property
    def transposed(self) -> bool:
        """Whether turning it upright swaps width and height."""
        return self.orientation >= 5

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright picture."""
        stored = (self.stored_width, self.stored_height)
        return stored[::-1] if self.transposed else stored


def read_header(path: str | Path) -> Header:
    """The header of an image file. FileNotFoundError where there is none, BadInput where it is not an image."""
    with open(path, "rb") as file:
        return parse_header(file, str(path))


def parse_header(file: BinaryIO, where: str) -> Header:
    """The header of an open image file, read from its start; `where` names it in errors."""
    try:
        header = _jpeg_header(file)
    except struct.error:
        raise BadInput(f"{where}: the JPEG ends within its header: it is truncated.") from None
    return header or _pillow_header(file, where)


def turn_boxes(boxes: np.ndarray, orientation: int, size: np.ndarray) -> np.ndarray:
    """Boxes [n, 4] on pictures as stored, of width and height `size` [2] or [n, 2], in pixels of the upright ones."""
    left, top, right, bottom = np.moveaxis(boxes, -1, 0)
    width, height = np.moveaxis(np.asarray(size), -1, 0)
    turned = {
        1: (left, top, right, bottom),
        2: (width - right, top, width - left, bottom),
        3: (width - right, height - bottom, width - left, height - top),
        4: (left, height - bottom, right, height - top),
        5: (top, left, bottom, right),
        6: (height - bottom, left, height - top, right),
        7: (height - bottom, width - right, height - top, width - left),
        8: (top, width - right, bottom, width - left),
    }
    return np.stack(turned[orientation], axis=-1)


def _pillow_header(file: BinaryIO, where: str) -> Header:
    file.seek(0)
    try:
        with Image.open(file) as image:
            # Pillow gives the size of a TIFF already upright, and turns it when it loads. The method of the parent
            # class, because that of a PNG decodes the picture to look for EXIF behind it.
            orientation = 1 if image.format == "TIFF" else Image.Image.getexif(image).get(_ORIENTATION, 1)
            return Header(*image.size, orientation if orientation in range(1, 9) else 1)
    except UnidentifiedImageError:
        raise BadInput(f"{where}: not an image of a known format ({_beginning(file)}).") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadInput(f"{where}: the image cannot be read: {error}.") from None


def _beginning(file: BinaryIO) -> str:
    file.seek(0)
    first = file.read(12)
    return f"it begins with {first!r}" if first else "it is empty"


def _jpeg_header(file: BinaryIO) -> Header | None:
    """Walks the segments up to the first scan; None where it is no JPEG, or one whose height comes after the scan."""
    if file.read(2) != b"\xff\xd8":
        return None
    width = height = components = 0
    orientation = 1
    while True:
        marker = _next_marker(file)
        if marker in _WITHOUT_LENGTH:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        following = file.tell() + length - 2
        if marker == _START_OF_SCAN:
            return Header(width, height, orientation, components, following) if width and height else None
        if marker in _FRAME_HEADERS:
            _, height, width, components = struct.unpack(">BHHB", file.read(6))
        elif marker == 0xE1 and file.read(6) == _EXIF:
            orientation = _orientation(file.read(length - 8))
        file.seek(following)


def _next_marker(file: BinaryIO) -> int:
    """The code of the next marker, past any fill bytes."""
    (byte,) = struct.unpack("B", file.read(1))
    while byte != 0xFF:
        (byte,) = struct.unpack("B", file.read(1))
    while byte == 0xFF:
        (byte,) = struct.unpack("B", file.read(1))
    return byte


def _orientation(exif: bytes) -> int:
    """The orientation in an EXIF block (a small TIFF file); 1 where it has none, or is damaged."""
    order = ">" if exif[:2] == b"MM" else "<"
    stream = io.BytesIO(exif)
    try:
        (start,) = struct.unpack(order + "I", exif[4:8])
        stream.seek(start)
        (count,) = struct.unpack(order + "H", stream.read(2))
        for _ in range(count):
            tag, _, _, value = struct.unpack(order + "HHIH2x", stream.read(12))
            if tag == _ORIENTATION:
                return value if value in range(1, 9) else 1
    except struct.error:
        pass  # a damaged EXIF block is no reason to refuse the picture
    return 1
