"""Precision, recall and F1 of each class against the score from which detections count, at IoU 0.5."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detect.evaluation.matching_by_image import Matched, mean_of_defined

THRESHOLDS = np.linspace(0, 1, 101)


class ThresholdCurves(NamedTuple):
    """Curves of K classes, float64 [K, 101], and their means, [101]; NaN for classes without objects.

    Precision is 1 where nothing is detected.
    """

    precision: np.ndarray
    recall: np.ndarray
    f1: np.ndarray

    @property
    def best_threshold(self) -> float:
        """The threshold with the highest mean F1."""
        return float(THRESHOLDS[np.nanargmax(mean_of_defined(self.f1))])


def threshold_curves(matched: Sequence[Matched]) -> ThresholdCurves:
    """Return the curves of all classes; at least one of them has objects."""
    right, wrong, objects = (np.stack(column) for column in zip(*map(_counts, matched), strict=True))
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0
        precision = np.where(right + wrong > 0, right / (right + wrong), 1.0)
        recall = right / objects
        f1 = 2 * right / (right + wrong + objects)
    without = np.where(objects > 0, 0, np.nan)
    return ThresholdCurves(precision + without, recall + without, f1 + without)


def _counts(matched: Matched) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return right and wrong detections of a class from each threshold on, [101] each, and its objects, [1]."""
    ascending = matched.scores[::-1]
    from_there = len(ascending) - np.searchsorted(ascending, THRESHOLDS)
    right, wrong = matched.right[0], ~matched.right[0] & ~matched.ignored[0]
    totals = (np.append(0, np.cumsum(kind))[from_there].astype(np.float64) for kind in (right, wrong))
    return *totals, np.array([float(matched.objects.sum())])  # type: ignore[return-value]
