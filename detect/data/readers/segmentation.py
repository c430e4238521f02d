"""The bounds of COCO segmentations, for annotations that state no box.

A segmentation is a list of polygons, each a list of x and y in turns or of points, or it is a mask: the lengths of its
runs of zeros and ones in turns, column by column. A compressed mask has them in one text, in the code of COCO's
`maskApi.c`: groups of 5 bits, the lowest first, in characters from "0" on, with a sixth bit where more follow. The last
group has the sign, and from the fourth number on the text has the difference to the last number but one.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

_NO_BOX: tuple = (None, [], [0, 0, 0, 0])
_MOST_BITS = 60  # of the length of a run


def stands_for_box(annotation: dict[str, Any]) -> bool:
    """Return whether an annotation has a segmentation, and no box of its own: none, an empty one, or four zeros."""
    return bool(annotation.get("segmentation")) and annotation.get("bbox") in _NO_BOX


def bounds(segmentation: Any) -> tuple[float, float, float, float]:
    """Return the x1, y1, x2, y2 that enclose a segmentation.

    Raises:
        ValueError, TypeError, KeyError, OverflowError: it is not a segmentation, or is empty.
    """
    if isinstance(segmentation, dict):
        return _mask_bounds(segmentation)
    numbers = list(_coordinates(segmentation))
    columns, rows = numbers[0::2], numbers[1::2]
    return min(columns), min(rows), max(columns), max(rows)


def _coordinates(polygons: list) -> Iterator[float]:
    """Yield the x and y of all points in lists at any depth."""
    for part in polygons:
        if isinstance(part, list):
            numbers = list(_coordinates(part))
            if len(numbers) % 2:
                raise ValueError("expected an x and a y of each point")
            yield from numbers
        else:
            yield float(part)


def _mask_bounds(mask: dict) -> tuple[float, float, float, float]:
    height, _ = map(int, mask["size"])
    counts = mask["counts"]
    lengths = np.array(_decompressed(counts) if isinstance(counts, str) else counts, np.int64)
    if height < 1 or (lengths < 0).any():
        raise ValueError("expected the height of the mask, and the lengths of runs")
    ends = np.cumsum(lengths)
    firsts, lasts = ends[:-1:2], ends[1::2] - 1  # pixels of the runs of ones, counted down the columns
    firsts, lasts = firsts[firsts <= lasts], lasts[firsts <= lasts]
    crosses = firsts // height < lasts // height  # such a run reaches the lower edge, and goes on at the upper one
    top = np.where(crosses, 0, firsts % height).min()
    bottom = np.where(crosses, height - 1, lasts % height).max()
    return float(firsts[0] // height), float(top), float(lasts[-1] // height + 1), float(bottom + 1)


def _decompressed(text: str) -> list[int]:
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - ord("0")
        if not 0 <= bits < 64 or shift > _MOST_BITS:
            raise ValueError(f"expected a compressed mask, found {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
        value = shift = 0
    return counts
