"""All that explains the scores of a detector, computed once for a report."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from detect.evaluation.coco_scores import Compared, evaluation_of, match
from detect.evaluation.diagnosis.box_kinds import RIGHT_FROM, BoxKinds, box_kinds
from detect.evaluation.diagnosis.error_kinds import ErrorKind, error_kinds_of
from detect.evaluation.diagnosis.label_hints import CONFIDENT, LabelHint, label_hints
from detect.evaluation.diagnosis.lost_ap import lost_by_image
from detect.evaluation.diagnosis.ranges import RangeScores, by_range, properties
from detect.evaluation.diagnosis.threshold_curves import ThresholdCurves, threshold_curves
from detect.evaluation.intervals import Interval, Intervals, intervals
from detect.evaluation.json_files import collection_paused

COCO_SIZES = {"APs": (0.0, 32.0**2), "APm": (32.0**2, 96.0**2), "APl": (96.0**2, 1e10)}  # areas, square pixels
MOST_IMAGES = 2000  # up to which each size has an interval: with more, it takes a minute and is narrow


class CalibrationBin(NamedTuple):
    """The detections with scores in a tenth of 0..1."""

    score: float  # mean
    precision: float  # share of right ones
    detections: int


class Calibration(NamedTuple):
    """The distance of scores from the share of right detections, at IoU 0.5."""

    error: float  # expected calibration error, 0..1
    bins: tuple[CalibrationBin, ...]  # those that have detections


class Diagnosis(NamedTuple):
    """An explanation of the scores of n detections in I images with M true boxes of K classes."""

    intervals: Intervals
    intervals_of_sizes: dict[str, Interval]  # by COCO's name, such as `APs`
    curves: ThresholdCurves
    errors: list[ErrorKind]
    calibration: Calibration
    ranges: dict[str, list[RangeScores]]  # by property
    lost: np.ndarray  # float64 [I], AP that each image costs
    boxes: BoxKinds
    hints: list[LabelHint]
    suspected: int  # number of annotations that are probably wrong, of which `hints` are the first


@collection_paused()
def diagnose(compared: Compared, sizes: np.ndarray, scales: np.ndarray) -> Diagnosis | None:
    """Return what explains the scores of detections; None where there is no object.

    Args:
        compared: what `Scores.compared` has.
        sizes: width and height of each image, float [I, 2]; NaN where they are not known.
        scales: by which each image is resized for the model, [I].
    """
    truth, found = compared
    images, matched = len(truth.image_ids), match(truth, found)
    whole = intervals(matched, images)
    if whole is None:
        return None
    evaluation = evaluation_of(truth, found)
    judged = evaluation.image_diagnostics(iou_thr=RIGHT_FROM, score_thr=CONFIDENT)
    return Diagnosis(
        intervals=whole,
        intervals_of_sizes=_of_sizes(compared) if images <= MOST_IMAGES else {},
        curves=threshold_curves(matched),
        errors=error_kinds_of(evaluation),
        calibration=_calibration(evaluation.calibration(iou_threshold=RIGHT_FROM)),
        ranges={each.name: by_range(compared, each) for each in properties(compared, sizes, scales)},
        lost=lost_by_image(matched, images),
        boxes=box_kinds(compared, judged),
        hints=label_hints(judged),
        suspected=len(judged["label_errors"]),
    )


def _of_sizes(compared: Compared) -> dict[str, Interval]:
    images = len(compared.truth.image_ids)
    found = {name: intervals(match(*compared, area=area), images) for name, area in COCO_SIZES.items()}
    return {name: each.AP for name, each in found.items() if each}


def _calibration(measured: dict) -> Calibration:
    bins: Sequence[dict] = measured["bins"]
    return Calibration(
        measured["ece"],
        tuple(
            CalibrationBin(each["avg_confidence"], each["avg_accuracy"], each["count"])
            for each in bins
            if each["count"]
        ),
    )
