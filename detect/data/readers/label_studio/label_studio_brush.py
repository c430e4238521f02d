"""The boxes of Label Studio's brush masks, of which every region has one.

Source: "Encoding format" of @thi.ng/rle-pack, which Label Studio packs them with. A mask is a sequence of values, red,
green, blue and opacity of each pixel, row by row. Packed, it is a sequence of bits: the number of values (32 bits), the
bits of a value less 1 (5), and four choices for the bits of a count, each less 1 (4 bits each). Chunks follow: whether
one value is repeated (1 bit), which of the choices the count has (2 bits), the count less 1, and that value, or as many
values.
"""

from collections.abc import Iterator
from typing import Any

from detect.data.readers.assembly.hulls import Box

_CHANNELS, _OPACITY = 4, 3  # of a pixel, and which of its values is not zero where something was painted


def brush_bounds(rle: Any, size: tuple[int, int]) -> Box:
    """Return the box around everything that was painted, pixels.

    Args:
        rle: the bytes of the packed mask, as integers.
        size: width and height of the image, pixels.

    Raises:
        TypeError, ValueError: it is not a mask of an image of this size, or nothing was painted.
    """
    width = size[0]
    if min(size) < 1:
        raise ValueError("a mask needs original_width and original_height")
    if not isinstance(rle, list):  # `bytes` would make as many zeros of a number
        raise TypeError("expected a list of bytes")
    x1, y1, x2, y2 = size[0], size[1], 0, 0
    for first, last in _painted(rle, size[0] * size[1]):
        rows = first // width, last // width
        columns = (first % width, last % width) if rows[0] == rows[1] else (0, width - 1)
        x1, y1, x2, y2 = min(x1, columns[0]), min(y1, rows[0]), max(x2, columns[1] + 1), max(y2, rows[1] + 1)
    if x2 <= x1:
        raise ValueError("nothing was painted in it")
    return x1, y1, x2, y2


def _painted(rle: Any, pixels: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last pixel of each run of pixels that were painted."""
    bits = _Bits(bytes(rle))
    count = bits.take(32)
    if count != _CHANNELS * pixels:
        raise ValueError(f"expected a mask of {pixels} pixels, found {count / _CHANNELS:g}")
    value_bits = bits.take(5) + 1
    count_bits = [bits.take(4) + 1 for _ in range(4)]
    start = 0
    while start < count:
        is_repeated, choice = bits.take(1), bits.take(2)
        end = start + bits.take(count_bits[choice]) + 1
        if is_repeated:
            if bits.take(value_bits):
                yield from _pixels(start, end)
        else:
            for position in range(start, end):
                if bits.take(value_bits):
                    yield from _pixels(position, position + 1)
        start = end


def _pixels(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last pixel whose opacity is among the values from `start` to before `end`, if any is."""
    first, last = (start + _CHANNELS - 1 - _OPACITY) // _CHANNELS, (end - 1 - _OPACITY) // _CHANNELS
    if first <= last:
        yield first, last


class _Bits:
    """The bits of some bytes, taken one after the other."""

    def __init__(self, data: bytes):
        self._bits, self._position = f"{int.from_bytes(data):0{8 * len(data)}b}", 0

    def take(self, count: int) -> int:
        """Return the next `count` bits as a number; ValueError where there are no more."""
        self._position += count
        if self._position > len(self._bits):
            raise ValueError("the mask ends too early")
        return int(self._bits[self._position - count : self._position], 2)
