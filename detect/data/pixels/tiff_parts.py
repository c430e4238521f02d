"""Read parts of large TIFF files, without decoding the rest.

A TIFF holds its image as tiles or as strips of rows, each compressed on its own (TIFF 6.0, sections 3 and 15). Those
that a part needs are given to Pillow one by one, as small TIFF files with the same tags, so all compressions and kinds
of pixels that Pillow reads are read here, in the same colours.
"""

import io
import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image, TiffImagePlugin

from detect.data.pixels.images import decode_image
from detect.data.pixels.pillow_files import MOST_PIXELS
from detect.data.pixels.tiles import Window
from detect.data.pixels.warping import halve
from detect.data.regular_files import open_regular

SUFFIXES = frozenset({".tif", ".tiff"})
LARGE = 2**25  # pixels, 100 MB as RGB: smaller images are read as a whole
CACHE = 2**27  # bytes of decoded pieces that are kept: windows in a row need the same ones
ROWS = 256  # of a piece of an image that is stored without compression, in one strip

# Tags of TIFF 6.0 that say how the image is divided, by the names of the specification.
WIDTH, LENGTH, COMPRESSION, ORIENTATION, PLANES = 256, 257, 259, 274, 284
STRIP_OFFSETS, ROWS_PER_STRIP, STRIP_BYTES = 273, 278, 279
TILE_WIDTH, TILE_LENGTH, TILE_OFFSETS, TILE_BYTES = 322, 323, 324, 325
# Those that say how pixels are stored, and are copied: bits, kind and number of samples, colours, tables of JPEG.
COPIED = (258, COMPRESSION, 262, 266, 277, PLANES, 317, 320, 338, 339, 347, 529, 530, 531, 532)


@dataclass(frozen=True)
class Piece:
    """A tile or strip: where it is in the file, and in the image."""

    start: int  # bytes
    length: int
    window: Window  # that it is stored for, and may reach beyond the image


@dataclass(frozen=True, eq=False)
class TiffParts:
    """The first image of a TIFF file, of which parts can be read. Threads may share it."""

    path: Path
    width: int
    height: int
    side: tuple[int, int]  # rows and columns of a piece; the last strip may have fewer rows
    pieces: list[Piece]  # row by row
    tags: TiffImagePlugin.ImageFileDirectory_v2
    _cache: "OrderedDict[int, np.ndarray]" = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, window: Window) -> np.ndarray:
        """Read a part of the image, uint8 RGB [h, w, 3]; BadInput where it is damaged."""
        rows, columns = self.side
        across = -(-self.width // columns)
        part = np.empty((window.height, window.width, 3), np.uint8)
        for row in range(window.top // rows, -(-window.bottom // rows)):
            for column in range(window.left // columns, -(-window.right // columns)):
                number = row * across + column
                _copy(self._decoded(number), self.pieces[number].window, part, window)
        return part

    def halved(self, times: int) -> np.ndarray:
        """Read the image, halved some times: uint8 RGB [h, w, 3]. At most `ROWS` of its rows are in memory."""
        step, rows = max(ROWS, 2**times), self.height >> times << times  # those that are left after halving
        tops = range(0, rows, step)
        bands = (self.read(Window(0, top, self.width, min(top + step, rows))) for top in tops)
        return np.concatenate([halve(band, times) for band in bands])

    def without_pieces(self) -> "TiffParts":
        """Return the same, without the pieces in memory."""
        return replace(self, _cache=OrderedDict())

    def _decoded(self, number: int) -> np.ndarray:
        """Return a piece, from the cache where it is there."""
        with self._lock:
            pixels = self._cache.pop(number, None)
            if pixels is None:
                pixels = self._decode(self.pieces[number])
            self._cache[number] = pixels
            while len(self._cache) > 1 and len(self._cache) * pixels.nbytes > CACHE:
                self._cache.popitem(last=False)
            return pixels

    def _decode(self, piece: Piece) -> np.ndarray:
        with open_regular(self.path) as file:
            file.seek(piece.start)
            data = file.read(piece.length)
        return decode_image(_as_file(self.tags, piece.window, data), f"{self.path}, {piece.window.top} rows down")


def large_parts(path: Path) -> TiffParts | None:
    """Return what reads parts of a TIFF file of more than `LARGE` pixels; None for other files, see `open_parts`."""
    parts = open_parts(path) if path.suffix.lower() in SUFFIXES else None
    return parts if parts and parts.width * parts.height > LARGE else None


def open_parts(path: Path) -> TiffParts | None:
    """Return what reads parts of a TIFF file; None for other files, and where the whole file has to be read.

    That is so if the image is turned by its orientation, its channels are stored one after the other, or it is
    compressed in pieces that are themselves too large.
    """
    try:
        with open_regular(path) as file, TiffImagePlugin.TiffImageFile(file) as image:
            tags = image.tag_v2
            if tags.get(ORIENTATION, 1) != 1 or tags.get(PLANES, 1) != 1:
                return None
            width, height = int(tags[WIDTH]), int(tags[LENGTH])
            side, pieces = _tiles(tags, width, height) if TILE_OFFSETS in tags else _strips(tags, width, height)
    except (OSError, SyntaxError, KeyError, ValueError, TypeError, Image.DecompressionBombError):
        return None  # whoever reads the whole file says what is wrong with it
    if side[0] * side[1] > MOST_PIXELS or not pieces:
        return None
    return TiffParts(Path(path), width, height, side, pieces, tags)


def _tiles(tags, width: int, height: int) -> tuple[tuple[int, int], list[Piece]]:
    """Return rows and columns of a tile, and all tiles."""
    rows, columns = int(tags[TILE_LENGTH]), int(tags[TILE_WIDTH])
    corners = [(left, top) for top in range(0, height, rows) for left in range(0, width, columns)]
    windows = [Window(left, top, left + columns, top + rows) for left, top in corners]
    return (rows, columns), _pieces(_several(tags[TILE_OFFSETS]), _several(tags[TILE_BYTES]), windows)


def _strips(tags, width: int, height: int) -> tuple[tuple[int, int], list[Piece]]:
    """Return rows and columns of a strip, and all strips; one without compression is divided into several."""
    rows = min(int(tags.get(ROWS_PER_STRIP, height)), height)
    starts, sizes = _several(tags[STRIP_OFFSETS]), _several(tags[STRIP_BYTES])
    if len(starts) == 1 and tags.get(COMPRESSION, 1) == 1:
        of_row, rows = sizes[0] // height, min(rows, ROWS)
        tops = range(0, height, rows)
        starts = [starts[0] + top * of_row for top in tops]
        sizes = [min(rows, height - top) * of_row for top in tops]
    windows = [Window(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
    return (rows, width), _pieces(starts, sizes, windows)


def _pieces(starts: list[int], sizes: list[int], windows: list[Window]) -> list[Piece]:
    """Return pieces; none where the file does not have one for each window."""
    if not len(starts) == len(sizes) == len(windows):
        return []
    return [Piece(int(start), int(size), window) for start, size, window in zip(starts, sizes, windows, strict=True)]


def _several(values) -> list[int]:
    """Return the values of a tag, which is a number where there is one."""
    return list(values) if isinstance(values, tuple) else [values]


def _as_file(tags: TiffImagePlugin.ImageFileDirectory_v2, window: Window, data: bytes) -> bytes:
    """Return a TIFF file with one strip, which holds the data of a piece."""
    header = b"II*\0\0\0\0\0" if tags.prefix == b"II" else b"MM\0*\0\0\0\0"
    directory = TiffImagePlugin.ImageFileDirectory_v2(header)
    for tag in COPIED:
        if tag in tags:
            directory.tagtype[tag] = tags.tagtype[tag]
            directory[tag] = tags[tag]
    directory[WIDTH], directory[LENGTH] = window.width, window.height
    # Offsets count from behind the directory.
    directory[STRIP_OFFSETS], directory[ROWS_PER_STRIP], directory[STRIP_BYTES] = 0, window.height, len(data)
    file = io.BytesIO()
    directory.save(file)
    return file.getvalue() + data


def _copy(pixels: np.ndarray, stored: Window, part: np.ndarray, window: Window) -> None:
    """Copy what a piece has of a window into the pixels of that."""
    left, top = max(stored.left, window.left), max(stored.top, window.top)
    right, bottom = min(stored.right, window.right), min(stored.bottom, window.bottom)
    source = pixels[top - stored.top : bottom - stored.top, left - stored.left : right - stored.left]
    part[top - window.top : bottom - window.top, left - window.left : right - window.left] = source
