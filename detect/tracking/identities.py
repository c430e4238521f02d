"""Identities of the objects in a video: the same number for the same object in all frames.

An object is found again among those of its own class only: each class has a tracker of its own. So an identity never
changes its class, and a person who gets off a bicycle is not taken for the bicycle. Where a detector wavers between two
classes of one object, each of them is an identity.
"""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np

from detect.tracking.methods import Method

UNKNOWN = -1  # in place of the identity of an object that has none, or none yet
# Longer side of the images in which the motion of the camera is estimated, pixels. At 768 x 432: 3.6 ms at half of the
# resolution, 9.9 ms at all of it, both within 0.2 pixels; at a quarter it is off by a pixel.
FLOW_SIDE = 384


class Identities:
    """Gives identities to the objects of one video, frame by frame: numbers from 1, in the order of their appearance.

    An object has one once it was found in two or three frames in a row, as the method requires; a second after it was
    found last, its identity ends.
    """

    def __init__(self, method: Method, least_scores: np.ndarray, rate: float):
        """
        Args:
            method: how objects are found again.
            least_scores: float [K], score of a detection of each class from which on it begins an identity; weaker ones
                can only continue one.
            rate: frames per second, on average.
        """
        self._method, self._least_scores, self._rate = method, least_scores, rate
        self._numbers = count(1)
        self._classes: dict[int, _ClassTracker] = {}
        self._camera: Any = None  # the estimator of its motion, where the method follows it

    def update(
        self, boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray, time: float, image: np.ndarray
    ) -> np.ndarray:
        """Return the identity of each of the n objects in the next frame, int64 [n], or `UNKNOWN`.

        Args:
            boxes: float32 [n, 4].
            scores: float32 [n].
            labels: int32 [n].
            time: of the frame, seconds; it must increase.
            image: the frame, uint8 RGB [H, W, 3].
        """
        motion = self._motion_of_camera(image) if self._method.follows_camera else None
        ids = np.full(len(boxes), UNKNOWN)
        for label in sorted({*labels.tolist(), *self._classes}):
            rows = np.flatnonzero(labels == label)
            begins = scores[rows].max(initial=0) >= self._least_scores[label]
            if begins or self._continues(label):  # a detector of 80 classes sees traces of most of them in most frames
                ids[rows] = self._tracker_of(label).update(boxes[rows], scores[rows], time, motion)
        return ids

    def _motion_of_camera(self, image: np.ndarray) -> np.ndarray:
        """Return the motion since the last frame by optical flow, an affine map [2, 3] of pixels."""
        from trackers import CMC, CMCConfig

        if self._camera is None:
            reduction = max(1, round(max(image.shape) / FLOW_SIDE))
            self._camera = CMC(CMCConfig(method="sparseOptFlow", downscale=reduction))
        return self._camera.estimate(image)  # meant for BGR, but only grey values count

    def _continues(self, label: int) -> bool:
        return label in self._classes and self._classes[label].has_objects

    def _tracker_of(self, label: int) -> "_ClassTracker":
        if label not in self._classes:
            tracker = self._method.make(float(self._least_scores[label]), self._rate)
            self._classes[label] = _ClassTracker(tracker, self._numbers)
        return self._classes[label]


class _ClassTracker:
    """The tracker of one class. Its own numbers, which begin with 0 for each class, are replaced by those of all."""

    def __init__(self, tracker: Any, numbers: Iterator[int]):
        self._tracker = tracker
        self._numbers = numbers
        self._ids: dict[int, int] = {}  # by own number

    @property
    def has_objects(self) -> bool:
        """Whether there are objects to find again."""
        return bool(self._tracker.tracks)

    def update(self, boxes: np.ndarray, scores: np.ndarray, time: float, motion: np.ndarray | None) -> np.ndarray:
        """Return the identities of n objects, int64 [n]; `motion` is that of the camera, an affine map [2, 3]."""
        from supervision import Detections

        if motion is not None:
            _move(self._tracker.tracks, motion)
        found = Detections(xyxy=boxes, confidence=scores, data={"row": np.arange(len(boxes))})
        tracked = self._tracker.update(found, timestamp=time)
        ids = np.full(len(boxes), UNKNOWN)
        for row, own in zip(tracked.data.get("row", ()), tracked.tracker_id.tolist(), strict=True):
            if own >= 0:
                ids[row] = self._ids.get(own) or self._begin(own)
        self._forget()
        return ids

    def _begin(self, own: int) -> int:
        self._ids[own] = next(self._numbers)
        return self._ids[own]

    def _forget(self) -> None:
        """Drop the numbers of identities that have ended: a camera may run for months."""
        alive = {track.tracker_id for track in self._tracker.tracks}
        self._ids = {own: number for own, number in self._ids.items() if own in alive}


def _move(tracks: Any, motion: np.ndarray) -> None:
    """Move objects as the camera makes them move. Before they are predicted: the maps can be exchanged."""
    from trackers import CMC

    CMC.apply_batch(motion, tracks)
