"""Tell whether detections are what suppression leaves of a model's candidates, up to ties.

Two runs of a model differ by rounding. Of two boxes whose scores are equal but for it, either may suppress the other,
and with it other boxes are suppressed or stay: both results are right. So detections are not compared with those of the
other run alone. Suppression is replayed in the order that they state: each of them must be, within rounding, a
candidate that is left, and nothing that the other run has found may be left in the end.
"""

from typing import NamedTuple

import numpy as np

from detect.artefacts.client_suppression import factors, overlaps_of
from detect.models.suppression import Suppression
from detect.structures import Candidates, Detections

# Rounding: by how much the same boxes, scores and overlaps may differ. Between exports in float32 and their originals,
# boxes differ by less than 0.05 pixels and scores by less than 1e-4, in all families and formats.
PIXELS, SCORE, OVERLAP = 0.2, 1e-3, 1e-3


class Replayed(NamedTuple):
    """The outcome of a replay."""

    invented: int  # detections that are not left of the candidates
    lost: int  # detections of the other run that should have been found
    box_difference: float  # largest between a detection and its candidate, pixels
    score_difference: float


def replay(
    found: Detections,
    expected: Detections,
    candidates: Candidates,
    rules: Suppression,
    *,
    edges: tuple[float, float],
    confidence: float,
    iou: float,
    end: float = 0.0,
) -> Replayed:
    """Replay the suppression of one image in the order of the detections that one run has found.

    Args:
        found: its detections, arrays without padding, best score first.
        expected: those of the other run, whose candidates are given.
        candidates: boxes [A, 4] or [A, K, 4] and scores [A, K] of the other run.
        rules: of suppression.
        edges: width and height at which boxes are cut off, pixels.
        confidence: scores have to be above this.
        iou: boxes of one class that overlap more than this are one object.
        end: score below which `found` may be cut off.
    """
    left = _Left(candidates, rules, edges, confidence, iou)
    taken = [left.take(*row) for row in zip(*found, strict=True)]
    differences = [each for each in taken if each is not None]
    boxes, scores = zip(*differences, strict=True) if differences else ((), ())
    return Replayed(
        invented=len(taken) - len(differences),
        lost=sum(left.of(box, label) > 1.05 * max(confidence, end) for box, _, label in zip(*expected, strict=True)),
        box_difference=max(boxes, default=0.0),
        score_difference=max(scores, default=0.0),
    )


class _Left:
    """The candidates of an image that are left, class by class."""

    def __init__(self, candidates: Candidates, rules: Suppression, edges, confidence: float, iou: float):
        boxes, scores = (np.asarray(part) for part in candidates)
        shown = np.clip(boxes, 0, np.tile(np.float32(edges), 2))
        boxes = shown if rules.clips_first else boxes
        floor = max(confidence - SCORE, 0)
        self._classes = []
        for label, of_class in enumerate(scores.T):
            rows = np.flatnonzero(of_class > floor)
            place = (rows, label) if boxes.ndim == 3 else rows
            left = _LeftOfClass(shown[place], boxes[place], of_class[rows], floor, rules.soft_sigma, iou)
            self._classes.append(left)

    def take(self, box: np.ndarray, score: float, label: int) -> tuple[float, float] | None:
        """Take the candidate that a detection is, and suppress others by it.

        Returns:
            The differences of box and score; None where there is no such candidate.
        """
        return self._classes[label].take(box, score) if label < len(self._classes) else None

    def of(self, box: np.ndarray, label: int) -> float:
        """Return the least that may be left of the score of a detection."""
        return self._classes[label].of(box)


class _LeftOfClass:
    """The candidates of a class that are left, with the least and the most that rounding may leave of their scores."""

    def __init__(self, shown, boxes, scores, floor: float, sigma: float | None, iou: float):
        self._shown, self._boxes, self._least, self._most = shown, boxes, scores, scores.copy()
        self._floor, self._sigma, self._iou = floor, sigma, iou

    def take(self, box: np.ndarray, score: float) -> tuple[float, float] | None:
        """See `_Left.take`."""
        same = np.flatnonzero(self._is_same(box))
        least = self._most if self._sigma is None else self._least  # greedy suppression drops or leaves the whole score
        distances = np.maximum(np.maximum(least - score, score - self._most), 0)[same]
        if distances.min(initial=np.inf) > SCORE:
            return None
        place = same[distances.argmin()]
        difference = float(np.abs(self._shown[place] - box).max()), float(distances.min())
        self._suppress(place, score)
        return difference

    def _suppress(self, place: int, score: float) -> None:
        """Take a candidate away, lower the scores of others that it overlaps, and forget those that cannot be found."""
        # Better candidates come first: where the detection was preferred to one, that one is left.
        rivals = self._least <= score + SCORE
        overlaps = overlaps_of(self._boxes[place], self._boxes)
        for left, rounding in ((self._least, OVERLAP), (self._most, -OVERLAP)):
            left[rivals] *= factors(np.maximum(overlaps[rivals] + rounding, 0), self._sigma, self._iou)
            left[place] = 0
        kept = self._most > self._floor
        self._shown, self._boxes = self._shown[kept], self._boxes[kept]
        self._least, self._most = self._least[kept], self._most[kept]

    def of(self, box: np.ndarray) -> float:
        """See `_Left.of`."""
        return float(self._least[self._is_same(box)].max(initial=0))

    def _is_same(self, box: np.ndarray) -> np.ndarray:
        return np.abs(self._shown - box).max(axis=1, initial=0) <= PIXELS
