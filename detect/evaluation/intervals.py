"""Intervals of scores: how far other images of the same kind would change them, by bootstrap over the images.

The images are drawn with replacement, as many as there are, again and again, and each draw is scored. The interval has
the middle 95 % of these scores: the percentile interval of Efron and Tibshirani, An Introduction to the Bootstrap,
1993, chapter 13. It does not tell how far the scores of other training runs would differ.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from detect.errors import counted
from detect.evaluation.matching_by_image import Matched, average_precisions, mean_of_defined

FEW_IMAGES = 50  # with fewer, scores are said to be uncertain
LEVEL = 0.95
RESAMPLES = 1000
SEED = 0
ADVICE = "`detect train --folds 5` scores on all images of a dataset, each by a model that has not learnt from it."
NUMBERS_AT_A_TIME = 2_000_000  # of draws and detections, in memory


class Interval(NamedTuple):
    """A range that probably has the true score, 0..1; NaN where there is nothing to measure."""

    low: float
    high: float


class Intervals(NamedTuple):
    """Intervals of scores."""

    images: int  # that were drawn from
    AP: Interval
    AP50: Interval
    AP75: Interval
    per_class: tuple[Interval, ...]  # of AP; of classes without objects (NaN, NaN)

    def to_numbers(self) -> dict[str, Any]:
        """Return the intervals, and how they were made, as JSON has them."""
        made = {"level": LEVEL, "resamples": RESAMPLES, "seed": SEED, "images": self.images}
        return {"AP": list(self.AP), "AP50": list(self.AP50), "AP75": list(self.AP75), **made}


def intervals(matched: Sequence[Matched], images: int) -> Intervals | None:
    """Return the intervals of the scores of detections; None where there is no object.

    A draw without any object of a class is scored over the others.

    Args:
        matched: of each class.
        images: I, their number.
    """
    kept = [each for each in matched if each.objects.any()]
    if not kept:
        return None
    drawn = np.concatenate([_precisions(kept, weights) for weights in draws(images, kept, RESAMPLES)], axis=1)
    by_overlap = mean_of_defined(drawn)
    means = by_overlap.mean(axis=1), by_overlap[:, 0], by_overlap[:, 5]
    ap, ap50, ap75 = map(ends_of, means)
    of_class = map(ends_of, drawn.mean(axis=2))
    nothing = Interval(math.nan, math.nan)
    per_class = tuple(next(of_class) if each.objects.any() else nothing for each in matched)
    return Intervals(images, ap, ap50, ap75, per_class)


def describe(found: Intervals, value: float, advice: str = "") -> str:
    """Return a sentence on the interval of AP, and on what to do where that is too wide.

    Args:
        found: the intervals.
        value: AP, 0..1.
        advice: a sentence on what to do; empty for none.
    """
    low, high = found.AP
    images = counted(found.images, "image", "images")
    measured = (
        f"AP {value:.3f} is measured on {images}; with others like them it would probably be "
        f"between {low:.3f} and {high:.3f} ({LEVEL:.0%} interval, {RESAMPLES:,} resamples of the images)."
    )
    return f"{measured} {advice}".rstrip()


def describe_few(images: int, advice: str = ADVICE) -> str:
    """Return a line on the number of images that a model is to be scored on; empty where they are not few.

    Args:
        images: their number.
        advice: as of `describe`.
    """
    if images >= FEW_IMAGES:
        return ""
    few = counted(images, "image", "images")
    return f"Scores on {few} are uncertain: the end of the run says by how much. {advice}".rstrip()


def draws(images: int, matched: Sequence[Matched], count: int) -> Iterator[np.ndarray]:
    """Yield how often each image is drawn, int64 [r, I], for a part of the draws at a time; the same at each call.

    Args:
        images: I, their number.
        matched: of each class; with more detections, parts are smaller.
        count: number of draws.
    """
    random = np.random.default_rng(SEED)
    widest = max(images, *(len(each.images) for each in matched))
    step = max(1, NUMBERS_AT_A_TIME // widest)
    for start in range(0, count, step):
        drawn = random.integers(0, images, [min(step, count - start), images])
        yield np.stack([np.bincount(row, minlength=images) for row in drawn])


def _precisions(matched: Sequence[Matched], weights: np.ndarray) -> np.ndarray:
    """Return the AP of each class, draw and overlap, [K, r, T]; NaN where a draw has no object of the class."""
    return np.stack([average_precisions(each, weights) for each in matched])


def ends_of(values: np.ndarray) -> Interval:
    """Return the interval of the values of all draws, [r]; NaN where none has a value."""
    if np.isnan(values).all():
        return Interval(math.nan, math.nan)
    low, high = np.nanpercentile(values, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return Interval(float(low), float(high))
