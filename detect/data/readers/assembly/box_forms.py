"""Find out whether the four numbers of boxes mean something else than the format says.

Tools write corners into COCO files, fractions in place of pixels, or corners into YOLO labels. Each number is then a
number like any other, but the boxes leave their images. The form of a split is taken for another one where

- at least `MISFITTING` of its boxes, and not fewer than `FEWEST`, leave their image by more than `FAR` of its side in
  the stated form (half of that, where this has a centre), or end before they begin,
- and at least `FITTING` of them are within their image, give or take `NEAR` of its side, in the other form.

Boxes of objects that are partly outside the image do not look like this: the left and upper edges cut as many as the
others do, and what these cut is outside the image in all forms. The exception are boxes with a corner in place of the
centre: they are moved by half a box only, as if the edges had cut them. These two forms are not told apart.

Fractions and pixels are told apart box by box: only fractions have four numbers of at most 1 that are not all whole,
and only pixels have four numbers above 1.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np

MISFITTING, FITTING = 0.2, 0.95  # shares of the boxes
FEWEST = 4  # boxes
FAR, NEAR = 0.1, 0.01  # shares of the image's width or height
_ROUNDING = 1e-6  # of a width that is the difference of two corners
_MOST_COMPARED = 100_000  # boxes of a split, at equal distances


class Form(Enum):
    """The meaning of the four numbers of a box, which are pixels or fractions of the image."""

    CORNERS = "x1, y1, x2, y2"
    SIZE = "x, y, width, height"
    CENTRE = "centre x, centre y, width, height"
    SWAPPED = "y1, x1, y2, x2"


class Likely(NamedTuple):
    """The form that boxes have in all likelihood, and the evidence."""

    form: Form
    misfitting: float  # share of the boxes that leave their image by far in the stated form, 0-1
    fitting: float  # share of the boxes that are within it in this form, 0-1


def stated_numbers(corners: np.ndarray, form: Form) -> tuple[np.ndarray, ...]:
    """Return the four columns [n] of numbers by which corners [n, 4] were stated."""
    x1, y1, x2, y2 = corners.T
    if form is Form.SIZE:
        return x1, y1, x2 - x1, y2 - y1
    if form is Form.CENTRE:
        return (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1
    return (y1, x1, y2, x2) if form is Form.SWAPPED else (x1, y1, x2, y2)


def corners_of(numbers: Sequence[np.ndarray], form: Form) -> np.ndarray:
    """Return the corners x1, y1, x2, y2, float64 [n, 4], of boxes that are stated in four columns [n]."""
    a, b, c, d = numbers
    if form is Form.SIZE:
        columns = a, b, a + c, b + d
    elif form is Form.CENTRE:
        columns = a - c / 2, b - d / 2, a + c / 2, b + d / 2
    else:
        columns = (b, a, d, c) if form is Form.SWAPPED else (a, b, c, d)
    return np.stack(columns, axis=1)


def to_corners(boxes: np.ndarray, form: Form) -> None:
    """Make the corners x1, y1, x2, y2 of boxes float64 [n, 4] in `form` SIZE, CENTRE or CORNERS, in place."""
    if form is Form.CENTRE:
        boxes[:, :2] -= boxes[:, 2:] / 2
    if form is not Form.CORNERS:
        boxes[:, 2:] += boxes[:, :2]


def to_sizes(boxes: np.ndarray, form: Form) -> np.ndarray:
    """Return x, y, width and height of boxes [n, 4] in `form` SIZE, CENTRE or CORNERS, float64 [n, 4]."""
    x, y, *others = stated_numbers(boxes, Form.SIZE) if form is Form.CORNERS else boxes.T
    if form is Form.CENTRE:
        x, y = x - others[0] / 2, y - others[1] / 2
    return np.stack([x, y, *others], axis=1)


def likely_form(corners: np.ndarray, frame: np.ndarray, form: Form) -> Likely | None:
    """Return the form that boxes have in all likelihood, None where that is the stated one or not clear.

    Args:
        corners: x1, y1, x2, y2 of the boxes in the stated form, float [n, 4].
        frame: width and height of the image of each box, in the same unit, [n, 2].
        form: the stated one.
    """
    corners, frame = _compared(corners, frame)
    misfits = _misfits(corners, frame, form)
    if not misfits:
        return None
    numbers = stated_numbers(corners, form)
    others = [other for other in Form if other is not form and {other, form} != {Form.SIZE, Form.CENTRE}]
    fitting = {other: float(_fits(corners_of(numbers, other), frame, NEAR).mean()) for other in others}
    best = max(fitting, key=lambda other: fitting[other])
    return Likely(best, misfits / len(corners), fitting[best]) if fitting[best] >= FITTING else None


def likely_unturned(corners: np.ndarray, frame: np.ndarray, form: Form) -> Likely | None:
    """Return the evidence that boxes were drawn before their images were turned by a quarter, None where there is none.

    They fit images as these are stored, and in all other respects look as if their numbers were in another form.

    Args:
        corners: x1, y1, x2, y2 of the boxes, pixels, float [n, 4].
        frame: width and height of the upright image of each box, [n, 2].
        form: in which the boxes are stated.
    """
    corners, frame = _compared(corners, frame)
    misfits = _misfits(corners, frame, form)
    fitting = float(_fits(corners, frame[:, ::-1], NEAR).mean()) if misfits else 0.0
    return Likely(form, misfits / len(corners), fitting) if fitting >= FITTING else None


def in_other_unit(corners: np.ndarray, form: Form, fractions: bool) -> np.ndarray:
    """Return which boxes are stated in pixels where the unit is `fractions` of the image, or in these: bool [n]."""
    numbers = stated_numbers(corners, form)
    if fractions:
        return np.logical_and.reduce([column > 1 for column in numbers])
    whole = np.logical_and.reduce([column == np.floor(column) for column in numbers])
    return np.logical_and.reduce([np.abs(column) <= 1 + _ROUNDING for column in numbers]) & ~whole


def _compared(corners: np.ndarray, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return boxes at equal distances, with their frames, without those that are not finite."""
    compared = slice(None, None, len(corners) // _MOST_COMPARED + 1)
    corners, frame = corners[compared], frame[compared]
    finite = np.isfinite(corners).all(axis=1)
    return corners[finite], frame[finite]


def _misfits(corners: np.ndarray, frame: np.ndarray, form: Form) -> int:
    """Return how many boxes leave their images by far; 0 where these are too few to tell something."""
    far = FAR / 2 if form is Form.CENTRE else FAR  # a corner that is taken for a centre moves a box by half its size
    misfits = int(np.count_nonzero(~_fits(corners, frame, far)))
    return misfits if misfits >= max(FEWEST, MISFITTING * len(corners)) else 0


def _fits(corners: np.ndarray, frame: np.ndarray, margin: float) -> np.ndarray:
    """Return which boxes have an area and lie within their image, or outside by a share `margin` of its sides."""
    far = margin * frame
    outside = (-corners[:, :2] > far) | (corners[:, 2:] - frame > far)
    return ~(outside | (corners[:, 2:] <= corners[:, :2])).any(axis=1)
