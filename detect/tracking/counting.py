"""Counts of the objects that cross lines, and that enter and leave zones.

An object is where it stands: at the middle of the lower edge of its box. So that a box that trembles does not count, it
has crossed a line once it was beyond it by a tenth of its size, and in two frames in a row. One that is hidden while it
crosses counts once it is found again.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from detect.tracking.regions import Region

MARGIN = 0.1  # distance from a line at which an object is on one side of it, as a share of the shorter side of its box
HELD = 2  # frames in a row on the other side
KEPT = 1.0  # seconds for which an object that is hidden stays where it was last, which is as long as identities last

Direction = Literal["in", "out"]


class Crossing(NamedTuple):
    """An object that has crossed a line or the border of a zone in a frame."""

    region: str
    id: int
    label: int
    direction: Direction


class RegionCount:
    """How many objects have crossed a line or the border of a zone.

    Attributes:
        region: the line or the zone.
        points: of the region, float64 [n, 2], pixels.
        entered: objects by label that came in: over a line from the right to the left of somebody who walks along it.
        left: objects by label that went out.
    """

    def __init__(self, region: Region, width: int, height: int):
        """`width` and `height`: of the frames, pixels. BadInput where the region does not lie in them."""
        self.region = region
        self.points = region.points(width, height)
        self.entered = Counter[int]()
        self.left = Counter[int]()
        self._zone = _Zone(self.points) if region.kind == "zone" else None
        self._trigger = _line(self.points) if self._zone is None else self._zone

    @property
    def inside(self) -> Counter[int] | None:
        """Objects by label that are in the zone now; None for a line."""
        return None if self._zone is None else Counter(self._zone.inside.values())

    def update(self, seen: Any) -> list[Crossing]:
        """Count the crossings from the last frame to that in which there are these `supervision.Detections`."""
        found = []
        came, went = self._trigger.trigger(seen)
        for row in np.flatnonzero(came | went):
            identity, label = int(seen.tracker_id[row]), int(seen.class_id[row])
            (self.entered if came[row] else self.left)[label] += 1
            found.append(Crossing(self.region.name, identity, label, "in" if came[row] else "out"))
        return found


class Counts:
    """The counts of all lines and zones of a video."""

    def __init__(self, regions: Sequence[Region], width: int, height: int):
        """`width` and `height`: of the frames, pixels. BadInput where a region does not lie in them."""
        self.regions = [RegionCount(region, width, height) for region in regions]
        self._size = width, height
        self._last: dict[int, tuple[list[float], int, float]] = {}  # box, label and time by identity

    def update(self, boxes: np.ndarray, labels: np.ndarray, ids: np.ndarray, time: float) -> list[Crossing]:
        """Count the crossings from the last frame to this one.

        Args:
            boxes: float32 [n, 4].
            labels: int32 [n].
            ids: identities, int64 [n].
            time: of the frame, seconds.
        """
        if not self.regions:
            return []
        for identity, box, label in zip(ids.tolist(), boxes.tolist(), labels.tolist(), strict=True):
            self._last[identity] = box, label, time
        self._last = {identity: last for identity, last in self._last.items() if time - last[2] <= KEPT}
        seen = self._seen()
        return [crossing for region in self.regions for crossing in region.update(seen)]

    def _seen(self) -> Any:
        """Return squares around the places of the objects: an object is where all of its square is."""
        from supervision import Detections

        x1, y1, x2, y2 = np.array([box for box, _, _ in self._last.values()], np.float32).reshape(-1, 4).T
        places, margin = np.stack([(x1 + x2) / 2, y2], axis=1), MARGIN * np.minimum(x2 - x1, y2 - y1)[:, None]
        boxes = np.hstack([places - margin, places + margin]).clip(0, [*self._size, *self._size])
        labels = np.array([label for _, label, _ in self._last.values()], int)
        return Detections(xyxy=boxes, class_id=labels, tracker_id=np.array([*self._last], int))


def _line(points: np.ndarray) -> Any:
    from supervision import LineZone, Point

    start, end = (Point(*point) for point in points.tolist())
    return LineZone(start, end, minimum_crossing_threshold=HELD)


class _Zone:
    """Finds who enters and leaves a zone, as `LineZone` does for a line.

    Attributes:
        inside: labels of the objects in the zone by identity.
    """

    def __init__(self, points: np.ndarray):
        from supervision import PolygonZone, Position

        corners = [Position.TOP_LEFT, Position.TOP_RIGHT, Position.BOTTOM_LEFT, Position.BOTTOM_RIGHT]
        polygon = points.round().astype(int)
        self._all = PolygonZone(polygon, corners, require_all_anchors=True)
        self._any = PolygonZone(polygon, corners, require_all_anchors=False)
        self._held = Counter[int]()  # frames in a row on the other side, by identity
        self.inside: dict[int, int] = {}

    def trigger(self, seen: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return which of n objects have entered and which have left, each bool [n]."""
        changed = np.zeros(len(seen), bool)
        is_inside, is_outside = self._all.trigger(seen), ~self._any.trigger(seen)
        known = set(seen.tracker_id.tolist())
        self.inside = {identity: label for identity, label in self.inside.items() if identity in known}
        self._held = Counter({identity: frames for identity, frames in self._held.items() if identity in known})
        for row, (identity, label) in enumerate(zip(seen.tracker_id.tolist(), seen.class_id.tolist(), strict=True)):
            is_beyond = is_outside if identity in self.inside else is_inside
            changed[row] = self._changes(identity, label, bool(is_beyond[row]))
        return changed & is_inside, changed & is_outside

    def _changes(self, identity: int, label: int, is_beyond: bool) -> bool:
        """Return whether the object changes its side now; `is_beyond`: whether it is on the other one."""
        if not is_beyond:
            self._held.pop(identity, None)
            return False
        self._held[identity] += 1
        if self._held[identity] < HELD:
            return False
        del self._held[identity]
        if self.inside.pop(identity, None) is None:
            self.inside[identity] = label
        return True
