"""Check that an export finds what its original finds, each run as its users will run it."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from detect.artefacts.export_card import Check, ConfidentCheck
from detect.artefacts.format import Precision
from detect.data.records import Records
from detect.errors import counted
from detect.export.pairing import TIE, largest_differences, pairs, rows_of, same_objects
from detect.export.replay import PIXELS, SCORE, replay
from detect.inference.predictor import Model
from detect.models.card import CONFIDENCE, least_scores
from detect.models.detector import Detector
from detect.models.suppression import Suppression
from detect.structures import Candidates, Detections

SAME = 0.9  # IoU from which boxes of one class are the same detection
ROUNDS = 15  # runs of each model for the time per image
# Limits where no dataset is scored, as it always is for int8 and bfloat16: the difference between scores of the same
# detection, and the share of detections that only one side has.
SCORE_TOLERANCE: dict[Precision, float] = {"float32": SCORE, "float16": 0.05, "int8-weights": 0.1}
UNMATCHED: dict[Precision, float] = {"float32": 0.0, "float16": 0.1, "int8-weights": 0.25}
# Limits with a dataset: points of AP (of 100) that may be lost; and in float32, because the AP of a model that has
# learnt little says little, the share of detections that only one side has.
AP_LOSS: dict[Precision, float] = {"float32": 0.1, "float16": 0.3, "bfloat16": 0.5, "int8": 0.5, "int8-weights": 0.5}
UNMATCHED_WITH_AP = 0.02  # equal regions of a first stage that change places are not told from faults


class Side(NamedTuple):
    """The detections of one model on an image."""

    found: Detections  # without padding
    end: float  # score below which the list may be cut off


class Differences(NamedTuple):
    """The differences of both sides on one image, or on several."""

    detections: int  # of the original
    unmatched: int  # detections that only one side has
    boxes: float  # largest difference of boxes, pixels
    scores: float  # largest difference of scores


class Confident(NamedTuple):
    """The differences between the detections of both sides on one image that prediction shows."""

    detections: int  # of the original
    unmatched: int  # detections that only one side has, at any score
    boxes: np.ndarray  # differences of boxes [n], pixels
    scores: np.ndarray  # differences of scores [n]


def compare(
    original: Model, artefact: Model, images: list[np.ndarray], shown: str, detector: Detector | None = None
) -> Check:
    """Run both models on the same images, one at a time, at the low confidence of scoring.

    The confidence is lowered further if the original detects nothing with it.

    Args:
        original: the model in TensorFlow.
        artefact: its export.
        images: [H, W, 3], of sizes that the export takes.
        shown: what the images are, for the report.
        detector: the original, for an export that differs from it by no more than rounding: its candidates then tell
            a tie from a fault, see `replay`. None: a detection is the same as one that overlaps it by `SAME`.

    Returns:
        The differences, without AP. The times are for the first image.
    """
    confidence = detecting_confidence(original, images)
    differences, shown_ones = [], []
    rules = detector.suppression if detector else None
    least = least_scores(original.card)
    for image in images:
        ours, theirs = (_found(model, image, confidence) for model in (original, artefact))
        shown_ones.append(_confident(ours.found, theirs.found, least))
        found = _paired(ours, theirs)
        if detector and rules and not _are_equal(ours, theirs, found):
            found = _replayed(detector, rules, image, ours, theirs, confidence) or found
        differences.append(found)
    seconds, seconds_of_original = _seconds(artefact, original, images[0])
    return Check(
        images=len(images),
        shown=shown,
        detections=sum(each.detections for each in differences),
        unmatched=sum(each.unmatched for each in differences),
        box_difference=max(each.boxes for each in differences),
        score_difference=max(each.scores for each in differences),
        confident=_summary(shown_ones, float(least.min(initial=CONFIDENCE))),
        seconds=seconds,
        seconds_of_original=seconds_of_original,
    )


def fault_of(check: Check, precision: Precision, max_ap_loss: float | None) -> str:
    """Return why the export must not be delivered; empty if it may be.

    Args:
        check: its comparison with the original.
        precision: its precision.
        max_ap_loss: points of AP that may be lost; None is the limit of the precision.
    """
    alone = f"{check.unmatched} of {check.detections} detections are on one side only"
    if check.AP is not None and check.AP_of_original is not None:
        most = most_lost(precision, max_ap_loss)
        lost = 100 * (check.AP_of_original - check.AP)
        if lost > most:
            return f"it loses {lost:.2f} points of AP, more than {most:g}"
        return alone if precision == "float32" and check.unmatched > UNMATCHED_WITH_AP * check.detections else ""
    if check.score_difference > SCORE_TOLERANCE[precision]:
        return f"scores differ by up to {check.score_difference:.2g}, more than {SCORE_TOLERANCE[precision]:g}"
    if check.unmatched > UNMATCHED[precision] * check.detections:
        return alone
    return ""


def worth_of_scores(records: Records, precision: Precision, max_ap_loss: float | None) -> str:
    """Return a sentence on what the AP of a few objects is worth; empty where they show the loss that is allowed.

    It is empty for float32, where single detections are compared too. For the arguments see `fault_of`.
    """
    most = most_lost(precision, max_ap_loss)
    objects = int(np.count_nonzero(~records.ignore))
    if precision == "float32" or not objects or 100 / objects <= most:
        return ""
    scored = f"{counted(len(records), 'image', 'images')} with {counted(objects, 'object', 'objects')}"
    return (
        f"AP is that of {scored}, each of which is worth up to {100 / objects:.2g} points: a loss of {most:g} points "
        "cannot be told from chance. Give more images with --data."
    )


def most_lost(precision: Precision, max_ap_loss: float | None) -> float:
    """Return the points of AP that an export may lose; for the arguments see `fault_of`."""
    return AP_LOSS[precision] if max_ap_loss is None else max_ap_loss


def detecting_confidence(original: Model, images: list[np.ndarray]) -> float:
    """Return the confidence of scoring, or one at which the original detects something on every image."""
    least = original.backend.confidence
    if any((original.detect(image[None], least).labels >= 0).any() for image in images):
        return least
    scores = np.stack([original.detect(image[None], 0.0).scores[0] for image in images])
    return 0.99 * float(np.median(scores, axis=1).min())


def _found(model: Model, image: np.ndarray, confidence: float) -> Side:
    boxes, scores, labels = (part[0] for part in model.detect(image[None], confidence))
    real = labels >= 0
    full = real.all() and len(scores) > 0
    return Side(Detections(boxes[real], scores[real], labels[real]), float(scores[-1]) if full else confidence)


def _are_equal(ours: Side, theirs: Side, differences: Differences) -> bool:
    """Return whether both sides have the same detections within rounding, in any order."""
    same = len(ours.found.scores) == len(theirs.found.scores) and not differences.unmatched
    return same and differences.boxes <= PIXELS and differences.scores <= SCORE


def _replayed(
    detector: Detector, rules: Suppression, image: np.ndarray, ours: Side, theirs: Side, confidence: float
) -> Differences | None:
    """Return the differences between the original's candidates and the detections of its export, ties aside.

    None for a detector of two stages where not all is explained: equal regions may have changed places in the first
    stage, which the candidates of the second do not show.
    """
    height, width = image.shape[:2]
    outputs = detector(image[None], training=False, extents=np.array([[height, width]], np.float32))
    replayed = replay(
        theirs.found,
        ours.found,
        Candidates(*(np.asarray(part[0]) for part in detector.candidates(outputs))),
        rules,
        edges=(width, height),
        confidence=confidence,
        iou=detector.config.iou,
        end=theirs.end,
    )
    alone = replayed.invented + replayed.lost
    if alone and "regions" in outputs:
        return None
    return Differences(len(ours.found.scores), alone, replayed.box_difference, replayed.score_difference)


def _paired(ours: Side, theirs: Side) -> Differences:
    """Return the differences between detections that are each other's best match."""
    rows, columns = pairs(ours.found, theirs.found, SAME, TIE)
    # Near the end of its list one side may have kept what the other dropped.
    end = max(ours.end, theirs.end) * 1.05
    alone = np.delete(ours.found.scores, rows) > end, np.delete(theirs.found.scores, columns) > end
    boxes, scores = largest_differences(rows_of(ours.found, rows), rows_of(theirs.found, columns))
    return Differences(
        detections=len(ours.found.scores),
        unmatched=int(sum(part.sum() for part in alone)),
        boxes=float(boxes.max(initial=0)),
        scores=float(scores.max(initial=0)),
    )


def _confident(ours: Detections, theirs: Detections, least: np.ndarray) -> Confident:
    """Return the differences between detections of which at least one side has the `least` score [K] of its class."""
    rows, columns = same_objects(ours, theirs)
    shown, shown_by_other = (found.scores >= least[found.labels] for found in (ours, theirs))
    visible = shown[rows] | shown_by_other[columns]
    return Confident(
        int(shown.sum()),
        int(np.delete(shown, rows).sum() + np.delete(shown_by_other, columns).sum()),
        *largest_differences(rows_of(ours, rows[visible]), rows_of(theirs, columns[visible])),
    )


def _summary(images: list[Confident], confidence: float) -> ConfidentCheck:
    boxes, scores = (np.concatenate([image[place] for image in images]) for place in (2, 3))
    return ConfidentCheck(
        confidence=confidence,
        detections=sum(image.detections for image in images),
        unmatched=sum(image.unmatched for image in images),
        box_median=float(np.median(boxes)) if len(boxes) else 0.0,
        box_difference=float(boxes.max(initial=0)),
        score_median=float(np.median(scores)) if len(scores) else 0.0,
        score_difference=float(scores.max(initial=0)),
    )


def _seconds(artefact: Model, original: Model, image: np.ndarray) -> tuple[float, float]:
    """Return the median times for one image, measured alternately."""
    runs: list[Callable[[], Detections]] = [lambda: artefact.detect(image[None]), lambda: original.detect(image[None])]
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return float(np.median(times[0])), float(np.median(times[1]))
