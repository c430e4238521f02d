"""The box and the area that a COCO annotation states; the bounds of its segmentation where it states no box.

A segmentation is a list of polygons, each a list of x and y in turns or of points, or it is a mask: the lengths of its
runs of zeros and ones in turns, column by column. A compressed mask has them in one text, in the code of COCO's
`maskApi.c`: groups of 5 bits, the lowest first, in characters from "0" on, with a sixth bit where more follow. The last
group has the sign, and from the fourth number on the text has the difference to the last number but one.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

_NO_BOX: tuple = (None, [], [0, 0, 0, 0])
_LARGEST_AREA = 1e300  # square pixels; JSON has integers for which there is no float
_MOST_BITS = 60  # of the length of a run


def stands_for_box(annotation: dict[str, Any]) -> bool:
    """Return whether an annotation has a segmentation, and no box of its own: none, an empty one, or four zeros."""
    return bool(annotation.get("segmentation")) and annotation.get("bbox") in _NO_BOX


def stated_box(annotation: dict[str, Any]) -> list[float]:
    """Return x, y, width and height of an annotation, those of its segmentation where it states no box.

    Raises:
        ValueError, TypeError, KeyError, OverflowError: it has neither four numbers nor a segmentation.
    """
    if stands_for_box(annotation):
        x1, y1, x2, y2 = bounds(annotation["segmentation"])
        return [x1, y1, x2 - x1, y2 - y1]
    if isinstance(annotation["bbox"], str):  # its characters may be digits
        raise TypeError("expected numbers")
    x, y, width, height = map(float, annotation["bbox"])
    return [x, y, width, height]


def stated_area(annotation: dict[str, Any]) -> float | None:
    """Return the area of an annotation, square pixels; None where it states none that could be one."""
    area = annotation.get("area")
    return float(area) if isinstance(area, int | float) and abs(area) < _LARGEST_AREA else None


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
