"""Operating points: for each class, the score from which detections count, chosen for a goal on annotated images.

A detection is right at an IoU of 0.5 or more. The intervals say how far other images would change what a threshold
gives, see `intervals`; the threshold itself is held.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from detect.evaluation.coco_scores import Scores, match
from detect.evaluation.intervals import RESAMPLES, Interval, draws, ends_of
from detect.evaluation.matching_by_image import Matched
from detect.models.card import Goal, ModelCard

DIGITS = 4  # of a threshold, where these are enough to tell the scores at both sides of it


class OperatingPoint(NamedTuple):
    """A threshold for a class, and what it gives on the images that it was chosen on."""

    threshold: float  # detections have scores above it, as in prediction
    precision: float  # share of right detections; NaN where nothing is detected
    recall: float  # share of the objects that are found
    false_alarms: float  # wrong detections per image
    precision_interval: Interval
    recall_interval: Interval
    objects: int
    reached: bool  # whether it meets the goal

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall; 0 where nothing is found."""
        return 2 * self.precision * self.recall / (self.precision + self.recall) if self.recall else 0.0


class _Choices(NamedTuple):
    """Thresholds of a class, the highest first, which detects nothing, and what counts from each on, [t]."""

    scores: np.ndarray  # float64, the lowest score that counts; infinite for the first
    right: np.ndarray  # int64
    wrong: np.ndarray  # int64


def operating_points(scores: Scores, goal: Goal) -> dict[str, OperatingPoint]:
    """Return the operating point of each class that has objects.

    Args:
        scores: of detections with low scores too, such as `evaluate` returns.
        goal: what the thresholds are for.
    """
    truth, images = scores.compared.truth, len(scores.compared.truth.image_ids)
    matched = dict(zip(truth.names, match(*scores.compared), strict=True))
    return {name: operating_point(each, goal, images) for name, each in matched.items() if each.objects.any()}


def with_thresholds(card: ModelCard, points: Mapping[str, OperatingPoint], goal: Goal) -> ModelCard:
    """Return a card with the thresholds of the classes in `points`; others keep theirs."""
    confidences = {name: point.threshold for name, point in points.items() if name in card.classes}
    return card.model_copy(update={"confidences": {**card.confidences, **confidences}, "goal": goal})


def operating_point(matched: Matched, goal: Goal, images: int) -> OperatingPoint:
    """Return the operating point of a class with objects.

    Args:
        matched: its detections.
        goal: what the threshold is for. Chosen is that with the best F1; or of those that meet the goal, the one that
            finds most, and for `recall` the one with the fewest wrong detections. Where none meets it, the nearest.
        images: I, the number of images.
    """
    choices = _choices(matched)
    place, reached = _chosen(choices, goal, int(matched.objects.sum()), images)
    threshold = _between(choices.scores, place)
    counted = matched.scores > threshold
    rows = [kind & counted for kind in (matched.right[0], ~matched.right[0] & ~matched.ignored[0])]
    right, wrong = (np.bincount(matched.images[row], minlength=images) for row in rows)
    precision, recall = _rates(*(values.sum() for values in (right, wrong, matched.objects)))
    of_precision, of_recall = _intervals(matched, right, wrong, images)
    return OperatingPoint(
        threshold=threshold,
        precision=float(precision),
        recall=float(recall),
        false_alarms=float(wrong.sum() / images),
        precision_interval=of_precision,
        recall_interval=of_recall,
        objects=int(matched.objects.sum()),
        reached=reached,
    )


def _choices(matched: Matched) -> _Choices:
    """Return all thresholds that differ; detections with the same score count together."""
    last = np.flatnonzero(np.diff(matched.scores, append=-np.inf))
    right = np.cumsum(matched.right[0])[last]
    wrong = np.cumsum(~matched.right[0] & ~matched.ignored[0])[last]
    return _Choices(np.append(np.inf, matched.scores[last]), np.append(0, right), np.append(0, wrong))


def _chosen(choices: _Choices, goal: Goal, objects: int, images: int) -> tuple[int, bool]:
    """Return the place of the threshold for the goal, and whether it meets the goal."""
    right, wrong = choices.right, choices.wrong
    if goal.measure == "f1":
        return int(np.argmax(2 * right / (right + wrong + objects))), True
    if goal.measure == "false_alarms":
        return int(np.argmax(np.where(wrong <= goal.value * images, right, -1))), True
    if goal.measure == "recall":
        meets = right >= goal.value * objects
        return (int(np.argmax(meets)), True) if meets.any() else (int(np.argmax(right)), False)
    with np.errstate(invalid="ignore"):
        precision = np.where(right > 0, right / (right + wrong), 0.0)
    meets = (precision >= goal.value) & (right > 0)
    return (int(np.argmax(np.where(meets, right, -1))), True) if meets.any() else (int(np.argmax(precision)), False)


def _between(scores: np.ndarray, place: int) -> float:
    """Return a threshold between a score and the next lower one, so that small differences of scores change nothing."""
    if np.isinf(scores[place]) and len(scores) == 1:
        return 1.0  # there are no detections, and nothing is known of others
    highest = min(scores[place], 1.0)
    lowest = scores[place + 1] if place + 1 < len(scores) else 0.0
    middle = (highest + lowest) / 2
    rounded = round(middle, DIGITS)
    return float(rounded if lowest <= rounded < scores[place] else middle)


def _rates(right: np.ndarray, wrong: np.ndarray, objects: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return precision and recall; NaN where nothing is detected, or there is nothing to find."""
    with np.errstate(invalid="ignore", divide="ignore"):  # 0 / 0
        return right / (right + wrong), right / objects


def _intervals(matched: Matched, right: np.ndarray, wrong: np.ndarray, images: int) -> Sequence[Interval]:
    """Return the intervals of precision and recall, from the numbers [I] of right and wrong detections per image."""
    columns = np.stack([right, wrong, matched.objects])
    drawn = np.concatenate([weights @ columns.T for weights in draws(images, [matched], RESAMPLES)])
    return [ends_of(values) for values in _rates(*drawn.T)]
