"""Boxes, labels and ignored regions drawn on pictures, and pictures set side by side.

Lines and letters grow with the picture. A class keeps its colour from picture to picture: the eight-colour palette of
Okabe and Ito, which people with any colour vision can tell apart, then lighter and darker rows of it. Letters come
from OpenCV's own fonts, which know Latin, Greek, Cyrillic, Arabic, Chinese, Japanese and Korean.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

Colour = tuple[int, int, int]  # red, green, blue

# Okabe and Ito, "Color Universal Design", 2008; without its black, which is lost on dark pictures.
_PALETTE: tuple[Colour, ...] = (
    (0, 114, 178),  # blue
    (230, 159, 0),  # orange
    (0, 158, 115),  # bluish green
    (213, 94, 0),  # vermilion
    (86, 180, 233),  # sky blue
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
)
_SHADES = (0.0, 0.45, -0.35)  # the palette, then mixed with white, then with black
_GREY: Colour = (120, 120, 120)
_CANVAS: Colour = (24, 24, 27)
_LETTERS: Colour = (235, 235, 235)
_WEIGHT = 600  # semibold: thin letters drown in a busy picture


class Picture(NamedTuple):
    """A picture and what is to be drawn on it."""

    image: np.ndarray  # uint8 [H, W, 3], RGB
    boxes: np.ndarray  # float32 [n, 4]
    labels: np.ndarray  # int32 [n]; -1 is not drawn
    scores: np.ndarray | None = None  # float32 [n] in 0..1
    ignore: np.ndarray | None = None  # bool [n]
    title: str = ""


def colour(label: int) -> Colour:
    """The colour of a class."""
    row, column = divmod(label, len(_PALETTE))
    shade = _SHADES[row % len(_SHADES)]
    towards = 255 if shade > 0 else 0
    red, green, blue = (round(value + (towards - value) * abs(shade)) for value in _PALETTE[column])
    return red, green, blue


def draw(
    image: np.ndarray,
    boxes: np.ndarray,
    labels: np.ndarray,
    classes: Sequence[str],
    scores: np.ndarray | None = None,
    ignore: np.ndarray | None = None,
) -> np.ndarray:
    """A copy of the uint8 RGB picture [H, W, 3] with n boxes, their class names and scores (per cent) on it.

    Args:
        boxes: float [n, 4].  labels: int [n]; rows of -1 are padding.  scores: float [n] in 0..1.
        ignore: bool [n]; such regions are hatched in grey and carry no name.
    """
    image = np.ascontiguousarray(image).copy()
    style = _Style.of(image)
    ignored = np.zeros(len(boxes), bool) if ignore is None else np.asarray(ignore, bool)
    for box in np.asarray(boxes)[ignored]:
        _hatch(image, box, style)
    rows = [row for row in range(len(boxes)) if labels[row] >= 0 and not ignored[row]]
    if scores is not None:
        rows.sort(key=lambda row: float(scores[row]))  # the surest on top
    corners = [tuple(float(value) for value in boxes[row]) for row in rows]
    for row, box in zip(rows, corners, strict=True):
        _outline(image, box, colour(int(labels[row])), style.line)
    for row, box in zip(rows, corners, strict=True):
        name = classes[int(labels[row])]
        _caption(image, box, name if scores is None else f"{name} {scores[row]:.0%}", colour(int(labels[row])), style)
    return image


def draw_grid(pictures: Sequence[Picture], classes: Sequence[str], columns: int = 4, cell: int = 416) -> np.ndarray:
    """Pictures with their boxes and titles, side by side, `columns` a row; uint8 RGB.

    Each is scaled to fit a square of `cell` pixels and drawn on at that size, so names stay readable.
    """
    columns = max(1, min(columns, len(pictures)))
    bar = cell // 14 if any(picture.title for picture in pictures) else 0
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    strips = [_strip([_in_cell(picture, classes, cell, bar) for picture in row], columns, cell) for row in rows]
    gap = _gap(cell)
    grid = np.concatenate(strips) if strips else np.empty((0, cell + gap, 3), np.uint8)
    return cv2.copyMakeBorder(grid, gap, 0, gap, 0, cv2.BORDER_CONSTANT, value=_CANVAS)


def _strip(pictures: Sequence[np.ndarray], columns: int, cell: int) -> np.ndarray:
    """Pictures of at most `cell` pixels' width in a row, as high as the highest."""
    gap = _gap(cell)
    height = max(picture.shape[0] for picture in pictures)
    strip = np.full((height + gap, columns * (cell + gap), 3), _CANVAS, np.uint8)
    for position, picture in enumerate(pictures):
        left = position * (cell + gap)
        strip[: picture.shape[0], left : left + picture.shape[1]] = picture
    return strip


def _gap(cell: int) -> int:
    return max(2, cell // 64)


def _in_cell(picture: Picture, classes: Sequence[str], cell: int, bar: int) -> np.ndarray:
    """A picture drawn at the size of its cell, under a bar with its title."""
    height, width = picture.image.shape[:2]
    scale = min(cell / height, cell / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    image = cv2.resize(picture.image, size, interpolation=method)
    boxes = np.asarray(picture.boxes, np.float32) * np.float32(scale)
    title = np.full((bar, cell, 3), _CANVAS, np.uint8)
    _text(title, picture.title, (2, bar * 3 // 4), bar * 2 // 3, _LETTERS)
    drawn = draw(image, boxes, picture.labels, classes, picture.scores, picture.ignore)
    drawn = cv2.copyMakeBorder(drawn, 0, 0, 0, cell - size[0], cv2.BORDER_CONSTANT, value=_CANVAS)
    return np.concatenate([title, drawn])


class _Style(NamedTuple):
    """Sizes that suit a picture, pixels."""

    line: int
    letters: int

    @classmethod
    def of(cls, image: np.ndarray) -> "_Style":
        side = math.sqrt(image.shape[0] * image.shape[1])
        return cls(line=math.ceil(side / 260), letters=max(10, round(side / 42)))


def _outline(image: np.ndarray, box: tuple[float, ...], colour: Colour, line: int) -> None:
    """The box's border, on whole pixels, which is sharpest; where it leaves the picture, along the picture's edge."""
    height, width = image.shape[:2]
    left, top = (max(0, round(edge - line / 2)) for edge in box[:2])
    right, bottom = min(width, round(box[2] + line / 2)), min(height, round(box[3] + line / 2))
    image[top : top + line, left:right] = colour
    image[max(top, bottom - line) : bottom, left:right] = colour
    image[top:bottom, left : left + line] = colour
    image[top:bottom, max(left, right - line) : right] = colour


def _caption(image: np.ndarray, box: tuple[float, ...], text: str, colour: Colour, style: _Style) -> None:
    """The text on a filled bar above the box; inside it where there is no room above; always within the picture."""
    pad = max(2, style.letters // 4)
    width, height = _text_width(text, style.letters) + 2 * pad, style.letters + 2 * pad
    left = round(box[0] - style.line / 2)
    top = round(box[1] - style.line / 2) - height
    if top < 0:
        top = max(0, round(box[1] + style.line / 2))
    left = max(0, min(left, image.shape[1] - width))
    top = max(0, min(top, image.shape[0] - height))
    cv2.rectangle(image, (left, top), (left + width - 1, top + height - 1), colour, cv2.FILLED)
    _text(image, text, (left + pad, top + height - pad - style.letters // 8), style.letters, _letters_on(colour))


def _letters_on(colour: Colour) -> Colour:
    """Black or white, whichever contrasts more (WCAG 2.1, relative luminance, with gamma 2.2 for its curve)."""
    red, green, blue = ((value / 255) ** 2.2 for value in colour)
    return (0, 0, 0) if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 else (255, 255, 255)


def _text(image: np.ndarray, text: str, baseline: tuple[int, int], size: int, colour: Colour) -> None:
    if text:
        cv2.putText(image, text, baseline, colour, _font(), size, weight=_WEIGHT)


@lru_cache(maxsize=4096)
def _text_width(text: str, size: int) -> int:
    left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _font(), size, _WEIGHT)
    return left + width


@lru_cache(maxsize=1)
def _font() -> "cv2.FontFace":
    return cv2.FontFace("sans")


def _hatch(image: np.ndarray, box: np.ndarray, style: _Style) -> None:
    x1, y1 = (max(0, int(value)) for value in box[:2])
    x2, y2 = (math.ceil(value) for value in box[2:])
    region = image[y1:y2, x1:x2]
    if not region.size:
        return
    y, x = np.ogrid[y1 : y1 + region.shape[0], x1 : x1 + region.shape[1]]
    period = 5 * style.line
    stripes = (x + y) % period < period // 2
    region[stripes] = region[stripes] // 2 + np.array(_GREY, np.uint8) // 2
    _outline(image, tuple(box), _GREY, style.line)
