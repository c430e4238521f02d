"""Read the size and the orientation of an image from the header of its file, without decoding it.

Datasets have up to a million images, and the header of each is read when a dataset is opened. A JPEG takes about 15
microseconds here, most of them to open the file, and 150 through Pillow, which reads all other formats.
"""

import os
import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from detect.data.pixels.pillow_files import large_tiff_size, opened, require_size
from detect.data.regular_files import open_regular
from detect.errors import BadInput

# Suffixes of the files that count as images in a folder, in lower case.
SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib", ".tif", ".tiff"}
    | {".jp2", ".avif", ".heic", ".heif", ".hif", ".pbm", ".pgm", ".ppm", ".pnm"}
)

_ORIENTATION = 0x0112  # the EXIF tag
_APP1, _EXIF = 0xE1, b"Exif\0\0"
_FILL, _START_OF_SCAN = 0xFF, 0xDA
_JPEG_END = b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND"
_FIRST_READ, _SECOND_READ = 16 * 1024, 256 * 1024  # bytes; a header with thumbnail and colour profile is 100 KB
_TAIL = 4096  # bytes in which a complete file's end marker is expected; some programs write more behind it
_FRAME_HEADERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0-SOF15; the three are other tables
_WITHOUT_LENGTH = frozenset([0x01, *range(0xD0, 0xD9)])
_segment = struct.Struct(">BBH").unpack_from  # 0xFF, marker, and length from its own first byte on
_frame = struct.Struct(">5xHHB").unpack_from  # height, width and components, from the 0xFF of the segment on
_CUT = (IndexError, struct.error)  # what reading past the end raises


def is_image_name(name: str) -> bool:
    """Return whether a file of this name counts as an image in a folder."""
    return os.path.splitext(name)[1].lower() in SUFFIXES


class Header(NamedTuple):
    """The size of an image as stored, and how to turn it upright."""

    stored_width: int  # pixels
    stored_height: int
    orientation: int  # EXIF 1-8; 1 where there is none, or a meaningless one
    components: int = 0  # of a JPEG: 1 grey, 3 colour, 4 CMYK; 0 for other formats
    scan_start: int = 0  # of a JPEG: where its first scan begins, bytes

    @property
    def transposed(self) -> bool:
        """True if turning the image upright swaps width and height."""
        return self.orientation >= 5

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the upright image."""
        stored = (self.stored_width, self.stored_height)
        return stored[::-1] if self.transposed else stored


def read_header(path: str | Path) -> Header:
    """Read the header of an image file.

    Raises:
        OSError: the file cannot be opened.
        BadInput: the file is not an image, or is truncated.
    """
    with open_regular(path) as file:
        start = file.read(_FIRST_READ)
        header = _parse(start, file, str(path))
        if not _has_end(start, file, header):
            _decode(file, str(path))  # there are whole images without the marker
        return header


def is_complete_jpeg(data: bytes, header: Header) -> bool:
    """Return whether an encoded JPEG has its end marker: scans escape these two bytes, and thumbnails precede scans."""
    return data.rfind(_JPEG_END, header.scan_start) >= 0


def parse_header(file: BinaryIO, where: str) -> Header:
    """Read the header of an open image file from its start; `where` names the file in errors."""
    return _parse(file.read(_FIRST_READ), file, where)


def _parse(start: bytes, file: BinaryIO, where: str) -> Header:
    """Return the header of an image file of which the first bytes, `start`, have been read."""
    try:
        header = _jpeg_header(start, file)
    except _CUT:
        raise BadInput(f"{where}: the JPEG ends within its header: it is truncated.") from None
    if header is None:
        return _pillow_header(file, where)
    require_size(header.stored_width, header.stored_height, where)
    return header


def turn_boxes(boxes: np.ndarray, orientation: int, size: np.ndarray) -> np.ndarray:
    """Turn boxes with their images.

    Args:
        boxes: [n, 4], in pixels of the images as stored.
        orientation: EXIF 1-8.
        size: width and height of the images as stored, [2] or [n, 2].

    Returns:
        The boxes in pixels of the upright images, [n, 4].
    """
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


def _has_end(start: bytes, file: BinaryIO, header: Header) -> bool:
    """Return whether a JPEG or PNG ends as complete ones do; usually the last bytes are enough to see it."""
    tail = _tail(start, file, header)
    if tail.rfind(_JPEG_END if header.components else _PNG_END) >= 0:  # from the end, where it usually is
        return True
    file.seek(0)
    if header.components:
        return is_complete_jpeg(file.read(), header)
    return not file.read(4).startswith(_PNG_START)


def _tail(start: bytes, file: BinaryIO, header: Header) -> bytes:
    """Return the last bytes of an image file, of a JPEG none before its scans."""
    if len(start) < _FIRST_READ:  # it is the whole file
        return start[header.scan_start :]
    file.seek(max(file.seek(0, os.SEEK_END) - _TAIL, header.scan_start))
    return file.read(_TAIL)


def _decode(file: BinaryIO, where: str) -> None:
    """Decode the whole image; BadInput where that is not possible."""
    file.seek(0)
    with opened(file, where) as image:
        image.load()


def _pillow_header(file: BinaryIO, where: str) -> Header:
    if size := large_tiff_size(file):
        return Header(*size, 1)
    file.seek(0)
    with opened(file, where) as image:
        # Pillow gives the size of a TIFF already upright, and turns it when it loads. The method of the parent
        # class is called because that of a PNG decodes the image to look for EXIF behind it.
        orientation = 1 if image.format == "TIFF" else Image.Image.getexif(image).get(_ORIENTATION, 1)
        return Header(*image.size, orientation if orientation in range(1, 9) else 1)


def _jpeg_header(data: bytes, file: BinaryIO) -> Header | None:
    """Read as much of a file as its JPEG header takes; None where it is not a JPEG, or has its height at the end.

    Args:
        data: its first bytes.
        file: the file behind them.

    Raises:
        IndexError, struct.error: the file ends within the header.
    """
    if not data.startswith(b"\xff\xd8"):
        return None
    for more in (_SECOND_READ, -1):
        with suppress(*_CUT):
            return _walk_segments(data)
        data += file.read(more)
    return _walk_segments(data)


def _walk_segments(data: bytes) -> Header | None:
    width = height = components = 0
    orientation = 1
    position = 2
    while True:
        fill, marker, length = _segment(data, position)
        if fill != _FILL or marker == _FILL:  # a marker is the first other byte behind one of these or more
            position += 1
            continue
        if marker in _WITHOUT_LENGTH:
            position += 2
            continue
        following = position + 2 + length
        if marker == _START_OF_SCAN:
            return Header(width, height, orientation, components, following) if width and height else None
        if marker in _FRAME_HEADERS:
            height, width, components = _frame(data, position)
        elif marker == _APP1 and data.startswith(_EXIF, position + 4):
            data[following - 1]  # the whole segment must be there
            orientation = _orientation(data[position + 10 : following])
        position = following


def _orientation(exif: bytes) -> int:
    """Return the orientation in an EXIF block (a small TIFF file); 1 where it has none, or is damaged."""
    order = ">" if exif[:2] == b"MM" else "<"
    try:
        (start,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, value = struct.unpack_from(order + "H6xH", exif, entry)
            if tag == _ORIENTATION:
                return value if value in range(1, 9) else 1
    except struct.error:
        pass  # a damaged EXIF block is not a reason to refuse the image
    return 1
