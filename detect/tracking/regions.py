"""Lines and zones of a video, as they are given: in pixels, or in per cent of its frames."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from detect.errors import BadInput

if TYPE_CHECKING:  # `detect --help` is to appear at once
    import numpy as np

Kind = Literal["line", "zone"]
_POINTS = {"line": "x1,y1,x2,y2", "zone": "x1,y1,x2,y2,x3,y3 and so on"}


@dataclass(frozen=True)
class Region:
    """A line that objects cross, or a zone that they enter and leave."""

    kind: Kind
    name: str  # "line 1"
    places: tuple[tuple[float, bool], ...]  # x1, y1, x2, y2, ...: each a number, and whether it is per cent

    def points(self, width: int, height: int) -> "np.ndarray":
        """Return its n points in a frame, float64 [n, 2], x and y in pixels; two for a line, three or more for a zone.

        Raises:
            BadInput: one lies outside the frame, or a line has no length.
        """
        import numpy as np

        places = np.array([place for place, _ in self.places]).reshape(-1, 2)
        is_share = np.array([is_share for _, is_share in self.places]).reshape(-1, 2)
        points = np.where(is_share, places * [width, height] / 100, places)
        if (points < 0).any() or (points > [width, height]).any():
            raise BadInput(f"{self.name} leaves the frames, which have {width} x {height} pixels: {self}.")
        if self.kind == "line" and (points[0] == points[1]).all():
            raise BadInput(f"{self.name} has no length: {self}. Give two different points.")
        return points

    def __str__(self) -> str:
        return ",".join(f"{place:g}{'%' if is_share else ''}" for place, is_share in self.places)


def read_regions(
    kind: Kind, given: Iterable[str | Sequence[float]], spelled: Callable[[str], str] = str
) -> list[Region]:
    """Return lines or zones.

    Args:
        kind: which of them.
        given: each as a text, such as "0%,50%,100%,50%", or as numbers, which are pixels.
        spelled: returns how errors spell the name of an option.

    Raises:
        BadInput: there are too few numbers, their count is odd, or something is not a number.
    """
    texts = (one if isinstance(one, str) else ",".join(map(str, one)) for one in given)
    return [_read(kind, f"{kind} {number}", text, spelled(kind)) for number, text in enumerate(texts, 1)]


def _read(kind: Kind, name: str, text: str, option: str) -> Region:
    places = tuple(map(_place, text.split(",")))
    suits = len(places) == 4 if kind == "line" else len(places) >= 6 and len(places) % 2 == 0
    if not suits or any(math.isnan(place) for place, _ in places):
        expected = f"{_POINTS[kind]} in pixels, or with % in per cent of the frames"
        raise BadInput(f"{option}: expected {expected}, got {text!r}.")
    return Region(kind, name, places)


def _place(text: str) -> tuple[float, bool]:
    """Return a number and whether it is per cent; not a number for any other text."""
    digits = text.strip().removesuffix("%")
    try:
        number = float(digits)
    except ValueError:
        number = math.nan
    return number if math.isfinite(number) else math.nan, digits != text.strip()
