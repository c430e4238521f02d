"""Which of several models is better on the same images, and whether that can be told from them.

All models are scored on the same draws of the images (see `replicates_of`), so that what difficult images cost all of
them does not blur the difference. Runs of one setting with several seeds are one contender: its AP is their mean, and
the variance of that mean is added to that of the images.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detect.errors import BadInput
from detect.evaluation.coco_scores import Scores, match
from detect.evaluation.diagnosis.lost_ap import lost_by_image
from detect.evaluation.intervals import Interval
from detect.evaluation.replicates import replicates_of, standard_error
from detect.evaluation.truth import Truth

DEVIATIONS = 1.96  # of the normal distribution, on each side of an interval of 95 %
LEAST_IMAGES = 5  # with objects of a class, for its AP to have an interval
MOST_TIMES = 100  # as many images as now; more is not told apart


class Contender(NamedTuple):
    """A model, or several of one setting with other seeds."""

    name: str
    scores: Sequence[Scores]  # of each run

    def mean(self, metric: str) -> float:
        """Return the mean of a score over the runs."""
        return float(np.mean([getattr(each, metric) for each in self.scores]))


class Change(NamedTuple):
    """AP, and how much it is above that of the first contender; NaN without objects."""

    AP: float
    change: float
    interval: Interval  # of 95 %; NaN of a class in fewer than `LEAST_IMAGES` images, which draws hardly vary


class Difference(NamedTuple):
    """The difference between a contender and the first one."""

    name: str
    whole: Change
    verdict: str
    per_class: dict[str, Change]
    gained: np.ndarray  # float64 [I], AP that each image costs less than with the first contender


def compare(contenders: Sequence[Contender]) -> list[Difference]:
    """Return how each contender but the first one differs from that.

    Raises:
        BadInput: they were scored on other images or against other boxes.
    """
    compared = [[scores.compared for scores in each.scores] for each in contenders]
    truth = compared[0][0].truth
    for contender, own in zip(contenders, compared, strict=True):
        for each in own:
            _require_same(truth, each.truth, contenders[0].name, contender.name)
    images, matched = len(truth.image_ids), [[match(*each) for each in own] for own in compared]
    drawn = [np.stack([replicates_of(each, images) for each in own]) for own in matched]  # [runs, 1 + draws, 1 + K]
    lost = [np.mean([lost_by_image(each, images) for each in own], axis=0) for own in matched]
    return [
        _difference(contender.name, drawn[0], drawn[row], lost[0] - lost[row], truth)
        for row, contender in enumerate(contenders)
        if row
    ]


def _require_same(first: Truth, other: Truth, name: str, other_name: str) -> None:
    columns = ("image_ids", "category_ids", "images", "categories", "boxes", "crowd")
    if not all(np.array_equal(getattr(first, column), getattr(other, column)) for column in columns):
        raise BadInput(
            f"{name} and {other_name} were scored on other images, or against other boxes: nothing follows from their "
            "difference. Score both on one dataset: --data."
        )


def _difference(name: str, first: np.ndarray, own: np.ndarray, gained: np.ndarray, truth: Truth) -> Difference:
    """Return how a contender differs from the first one.

    Args:
        name: of the contender.
        first: AP of the runs of the first one, [runs, 1 + draws, 1 + K], as of `replicates_of`.
        own: the same of the contender.
        gained: AP that each image costs less.
        truth: that all are scored against.
    """
    aps, before = own.mean(axis=0), first.mean(axis=0)
    of_images = standard_error(aps - before)
    of_seeds = np.sqrt(_variance_of_mean(own) + _variance_of_mean(first))
    changes = [
        _change(ap, ap - earlier, math.hypot(images, seeds))
        for ap, earlier, images, seeds in zip(aps[0], before[0], of_images, of_seeds, strict=True)
    ]
    said = verdict(changes[0], float(of_seeds[0]), len(truth.image_ids))
    few = [len(np.unique(truth.images[truth.categories == row])) < LEAST_IMAGES for row in range(len(truth.names))]
    unknown = Interval(math.nan, math.nan)
    classes = [each._replace(interval=unknown) if rare else each for each, rare in zip(changes[1:], few, strict=True)]
    return Difference(name, changes[0], said, dict(zip(truth.names, classes, strict=True)), gained)


def verdict(change: Change, of_seeds: float, images: int) -> str:
    """Return in words whether a contender is better or worse than the first one.

    Args:
        change: of its AP.
        of_seeds: the part of the standard error that comes from the seeds, and does not fall with more images.
        images: number of those that were scored.
    """
    if not all(map(math.isfinite, (change.change, *change.interval))):
        return "cannot tell: there are no objects"
    if change.interval.low > 0:
        return "better"
    if change.interval.high < 0:
        return "worse"
    own, seeds = abs(change.change), DEVIATIONS * of_seeds
    if seeds >= own > 0:
        return "cannot tell from these runs: more seeds would"
    left = (change.interval.high - change.interval.low) ** 2 / 4 - seeds**2
    times = left / (own**2 - seeds**2) if own else math.inf
    if times > MOST_TIMES:
        return "cannot tell from these images: there is next to no difference"
    more = max(images * (times - 1), 1)
    return f"cannot tell from these images, about {float(f'{more:.2g}'):,.0f} more would"


def _variance_of_mean(values: np.ndarray) -> np.ndarray:
    """Return the variance of the mean of the runs, [1 + K]; 0 for one run, of which it is not known."""
    return values[:, 0].var(axis=0, ddof=1) / len(values) if len(values) > 1 else np.zeros(values.shape[2])


def _change(ap: float, change: float, error: float) -> Change:
    half = DEVIATIONS * error
    return Change(float(ap), float(change), Interval(float(change - half), float(change + half)))
