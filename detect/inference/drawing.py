"""Drawing boxes, labels and ignored regions on images, and arranging images in a grid.

Lines and letters scale with the image. A class has the same colour on all images: one of the palette of Okabe and Ito,
which people with any colour vision can tell apart, and after that lighter and darker versions of it. Letters are from
OpenCV's built-in fonts, which cover Latin, Greek, Cyrillic, Arabic, Chinese, Japanese and Korean.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from detect.inference.options import DrawingOptions

Colour = tuple[int, int, int]  # red, green, blue
USUAL = DrawingOptions()

# Okabe and Ito, "Color Universal Design", 2008; without its black, which is invisible on dark images.
_PALETTE: tuple[Colour, ...] = (
    (0, 114, 178),  # blue
    (230, 159, 0),  # orange
    (0, 158, 115),  # bluish green
    (213, 94, 0),  # vermilion
    (86, 180, 233),  # sky blue
    (204, 121, 167),  # reddish purple
    (240, 228, 66),  # yellow
)
_SHADES = (0.0, 0.45, -0.35)  # the palette itself, mixed with white, mixed with black
_GREY: Colour = (120, 120, 120)
_CANVAS: Colour = (24, 24, 27)
_LETTERS: Colour = (235, 235, 235)
_WEIGHT = 600  # semibold: thin letters are hard to read on a busy image


class Picture(NamedTuple):
    """An image and what to draw on it."""

    image: np.ndarray  # uint8 [H, W, 3], RGB
    boxes: np.ndarray  # float32 [n, 4]
    labels: np.ndarray  # int32 [n]; -1 is not drawn
    scores: np.ndarray | None = None  # float32 [n] in 0..1
    ignore: np.ndarray | None = None  # bool [n]
    title: str = ""


def colour(label: int) -> Colour:
    """Return the colour of a class."""
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
    options: DrawingOptions = USUAL,
    ids: np.ndarray | None = None,
) -> np.ndarray:
    """Return a copy of an image with n boxes, their class names and their scores (per cent) drawn on it.

    Args:
        image: uint8 [H, W, 3], RGB.
        boxes: float [n, 4].
        labels: int [n]; -1 marks padding.
        classes: class names by label; an empty one is not drawn.
        scores: float [n] in 0..1.
        ignore: bool [n]; such regions are hatched in grey, without a name.
        options: what is drawn of them.
        ids: int [n], identities, which are drawn too; each has a colour of its own, in place of that of its class.
    """
    image = np.ascontiguousarray(image).copy()
    ignored = np.zeros(len(boxes), bool) if ignore is None else np.asarray(ignore, bool)
    rows = [row for row in range(len(boxes)) if labels[row] >= 0 and not ignored[row]]
    if scores is not None:
        rows.sort(key=lambda row: float(scores[row]))  # the highest score on top
    corners = [tuple(float(value) for value in boxes[row]) for row in rows]
    style = Style.of(image, options.line_width, corners)
    for box in np.asarray(boxes)[ignored]:
        _hatch(image, box, style)
    colours = [colour(int(labels[row] if ids is None else ids[row])) for row in rows]
    for box, shade in zip(corners, colours, strict=True):
        _outline(image, box, shade, style.line)
    for row, box, shade in zip(rows, corners, colours, strict=True):
        name = "" if options.hide_labels else classes[int(labels[row])]
        identity = "" if ids is None else f"#{ids[row]}"
        score = "" if options.hide_scores or scores is None else f"{scores[row]:.0%}"
        draw_caption(image, box, " ".join(filter(None, (name, identity, score))), shade, style)
    return image


def draw_grid(pictures: Sequence[Picture], classes: Sequence[str], columns: int = 4, cell: int = 416) -> np.ndarray:
    """Return a grid of images with their boxes and titles, uint8 RGB.

    Each image is scaled to fit its cell before it is drawn on, so that names stay readable.

    Args:
        pictures: the images and what to draw on them.
        classes: class names by label.
        columns: images per row.
        cell: side of the square cells, pixels.
    """
    columns = max(1, min(columns, len(pictures)))
    bar = cell // 14 if any(picture.title for picture in pictures) else 0
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    strips = [_strip([_in_cell(picture, classes, cell, bar) for picture in row], columns, cell) for row in rows]
    gap = _gap(cell)
    grid = np.concatenate(strips) if strips else np.empty((0, cell + gap, 3), np.uint8)
    return cv2.copyMakeBorder(grid, gap, 0, gap, 0, cv2.BORDER_CONSTANT, value=_CANVAS)


def _strip(pictures: Sequence[np.ndarray], columns: int, cell: int) -> np.ndarray:
    """Return a row of images, each at most `cell` pixels wide, as high as the highest of them."""
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
    """Return an image drawn at the size of its cell, below a bar with its title."""
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


class Style(NamedTuple):
    """Sizes that suit an image and the usual box in it, pixels: letters are at most half as high as that."""

    line: int
    letters: int

    @classmethod
    def of(cls, image: np.ndarray, line: int | None = None, boxes: Sequence[Sequence[float]] = ()) -> "Style":
        side = math.sqrt(image.shape[0] * image.shape[1])
        areas = [(x2 - x1) * (y2 - y1) for x1, y1, x2, y2 in boxes]
        usual = math.sqrt(max(np.median(areas), 0)) if areas else side
        letters = max(10, round(min(side / 42, usual / 2)))
        return cls(line=line or math.ceil(min(side / 260, max(usual / 8, 1))), letters=letters)


def _outline(image: np.ndarray, box: tuple[float, ...], colour: Colour, line: int) -> None:
    """Draw the border of a box on whole pixels, which is sharpest; outside the image, along the edge of the image."""
    height, width = image.shape[:2]
    left, top = (max(0, round(edge - line / 2)) for edge in box[:2])
    right, bottom = min(width, round(box[2] + line / 2)), min(height, round(box[3] + line / 2))
    image[top : top + line, left:right] = colour
    image[max(top, bottom - line) : bottom, left:right] = colour
    image[top:bottom, left : left + line] = colour
    image[top:bottom, max(left, right - line) : right] = colour


def draw_caption(image: np.ndarray, box: tuple[float, ...], text: str, colour: Colour, style: Style) -> None:
    """Draw text on a filled bar above the box, inside it if there is no room above, and always within the image."""
    if not text:
        return
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
    """Return black or white, whichever contrasts more (WCAG 2.1, relative luminance with a gamma of 2.2)."""
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


def _hatch(image: np.ndarray, box: np.ndarray, style: Style) -> None:
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
