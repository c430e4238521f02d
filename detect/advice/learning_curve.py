"""The learning curve: AP against the number of training images, and how much AP twice the images would bring.

The error 1 - AP falls as a power of the number of images (Hestness et al. 2017, arXiv 1712.00409, eq. 2), so the
logarithms lie on a line, which is fitted by least squares. Rosenfeld et al. (2020, arXiv 1909.12673, eq. 1) add an
error that no number of images removes; to the next doubling, which is all that is said here, it makes little
difference, and three numbers of images cannot tell it.

A gain has an interval of 90 % with two sources: the scatter of the trials around the line, as in any linear regression,
and the images that AP is measured on, by draws of them (`evaluation.replicates`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from detect.evaluation.replicates import standard_error

LEAST_ERROR = 0.01  # 1 - AP is not taken for less
NORMAL = 1.645  # standard errors from the middle to the end of an interval of 90 %
# The same for Student's t with 1, 2, 3 ... degrees of freedom.
STUDENT = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895)


@dataclass(frozen=True)
class Gain:
    """A difference in AP with its interval of 90 %."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval does not include zero."""
        return self.low > 0 or self.high < 0


class Line(NamedTuple):
    """A line through log(1 - AP) of P trials against the doublings of images, [..., 1 + K] for AP and each class."""

    mean: np.ndarray  # [1 + D, 1 + K], of log(1 - AP)
    slope: np.ndarray  # [1 + D, 1 + K], per doubling
    deviation: np.ndarray  # [1 + K], of a trial from the line
    centre: float  # mean of log2(images)
    spread: float  # sum of squares of log2(images) around it
    trials: int  # P


def fit(images: Sequence[int], precisions: Sequence[np.ndarray]) -> Line:
    """Fit a line to trials.

    Args:
        images: numbers of training images of P trials, three or more, not all the same.
        precisions: AP of each, as `evaluation.replicates` returns it, [1 + D, 1 + K].
    """
    x = np.log2(np.asarray(images, np.float64))
    y = np.log(np.maximum(1 - np.stack(precisions), LEAST_ERROR))  # [P, G + 1, 1 + K]
    across = x - x.mean()
    spread = float(np.square(across).sum())
    mean, slope = y.mean(axis=0), np.tensordot(across, y, 1) / spread
    rest = y[:, 0] - mean[0] - across[:, None] * slope[0]
    deviation = np.sqrt(np.square(rest).sum(axis=0) / (len(x) - 2))
    return Line(mean, slope, deviation, float(x.mean()), spread, len(x))


def gain_of_doubling(line: Line, images: int) -> list[Gain | None]:
    """Return what twice as many as `images` would bring in AP and in each class; None where AP is not defined."""
    ahead = np.log2(images) - line.centre
    error = np.exp(line.mean + ahead * line.slope)  # 1 - AP on the line
    gains = error * (1 - np.exp(line.slope))
    # The derivatives by mean and slope, which are not correlated.
    by_slope = error[0] * (ahead * (1 - np.exp(line.slope[0])) - np.exp(line.slope[0]))
    scatter = line.deviation * np.sqrt(np.square(gains[0]) / line.trials + np.square(by_slope) / line.spread)
    columns = gains[0], standard_error(gains), scatter * _student(line)
    return [_gain(*each) for each in zip(*(column.tolist() for column in columns), strict=True)]


def difference(line: Line, after: np.ndarray, before: Sequence[np.ndarray]) -> Gain:
    """Return by how much the AP of a trial is higher than the mean of others, which differ in the seed only.

    Args:
        line: of the learning curve, which tells how far trials scatter.
        after: replicates of the AP of the trial, [1 + D, 1 + K].
        before: those of the others.
    """
    differences = after[:, 0] - np.mean([each[:, 0] for each in before], axis=0)
    scatter = line.deviation[0] * (1 - after[0, 0]) * np.sqrt(1 + 1 / len(before))
    gain = _gain(float(differences[0]), float(standard_error(differences)), scatter * _student(line))
    assert gain is not None  # AP is defined, or there would be no advice
    return gain


def _student(line: Line) -> float:
    return STUDENT[min(line.trials - 2, len(STUDENT)) - 1]


def _gain(value: float, error: float, half_of_scatter: float) -> Gain | None:
    """Return a gain; None where it is not defined."""
    half = math.hypot(NORMAL * error, half_of_scatter)
    return Gain(value, value - half, value + half) if math.isfinite(half) else None
