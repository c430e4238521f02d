"""Drawings of tracked videos: objects in colours of their own, with their trails, and the counts of lines and zones."""

from collections import deque

import cv2
import numpy as np

from detect.inference.drawing import Style, colour, draw, draw_caption
from detect.inference.options import DrawingOptions
from detect.inference.result import Result
from detect.inference.track_stream import ids_of
from detect.tracking.counting import Counts, RegionCount

TRAIL = 2.0  # seconds that a trail shows
_WHITE = (255, 255, 255)
_ARROW = 6  # length of the arrow of a line, in widths of the line


class TrackDrawing:
    """Draws the frames of one video."""

    def __init__(self, counts: Counts, options: DrawingOptions):
        """
        Args:
            counts: of the lines and zones to draw, as they are when a frame is drawn.
            options: what is drawn of objects.
        """
        self._counts = counts
        self._options = options
        self._trails: dict[int, deque[tuple[float, tuple[int, int]]]] = {}  # times and places by identity

    def draw(self, result: Result) -> np.ndarray:
        """Return a copy of the image with everything drawn on it, uint8 RGB [H, W, 3]."""
        image = result.image.copy()
        style = Style.of(image, self._options.line_width)
        self._follow(result)
        for region in self._counts.regions:
            _draw_region(image, region, style)
        for identity in ids_of(result).tolist():
            trail = np.array([place for _, place in self._trails[identity]], np.int32)
            cv2.polylines(image, [trail], False, colour(identity), style.line, cv2.LINE_AA)
        objects = result.boxes, result.labels, result.classes, result.scores
        return draw(image, *objects, options=self._options, ids=result.ids)

    def _follow(self, result: Result) -> None:
        """Add the places of the objects to their trails, and drop what is too old to be shown."""
        time = result.timestamp or 0.0
        for identity, (x1, _, x2, y2) in zip(ids_of(result).tolist(), result.boxes.tolist(), strict=True):
            self._trails.setdefault(identity, deque()).append((time, (round((x1 + x2) / 2), round(y2))))
        for identity, trail in list(self._trails.items()):
            while trail and time - trail[0][0] > TRAIL:
                trail.popleft()
            if not trail:
                del self._trails[identity]


def _draw_region(image: np.ndarray, region: RegionCount, style: Style) -> None:
    """Draw a line with an arrow to the side that is in, or the border of a zone, and the counts."""
    points = region.points.round().astype(np.int32)
    cv2.polylines(image, [points], region.inside is not None, _WHITE, style.line, cv2.LINE_AA)
    if region.inside is None:
        along = np.subtract(*region.points[::-1])
        middle, towards = region.points.mean(axis=0), np.array([along[1], -along[0]]) / np.hypot(*along)
        tip = middle + towards * _ARROW * style.line
        start, end = (place.round().astype(int).tolist() for place in (middle, tip))
        cv2.arrowedLine(image, start, end, _WHITE, style.line, cv2.LINE_AA, tipLength=0.5)
    x, y = points[0].tolist()
    draw_caption(image, (x, y, x, y), _counts_of(region), _WHITE, style)


def _counts_of(region: RegionCount) -> str:
    inside = "" if region.inside is None else f", {region.inside.total()} inside"
    return f"{region.region.name}: {region.entered.total()} in, {region.left.total()} out{inside}"
