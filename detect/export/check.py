"""Check that an export finds what its original finds, each run as its users will run it."""

import time
from collections.abc import Callable

import numpy as np

from detect.artefacts.export_card import Check
from detect.artefacts.format import Precision
from detect.inference.predictor import Model
from detect.ops.boxes import iou
from detect.structures import Detections

SAME = 0.9  # IoU from which boxes of one class are the same detection
ROUNDS = 15  # runs of each model for the time per image
# Limits where there is no dataset, which int8 always has: the difference between scores of the same detection, and the
# share of detections that only one side has.
SCORE_TOLERANCE: dict[Precision, float] = {"float32": 1e-3, "float16": 0.05, "int8-weights": 0.1}
UNMATCHED: dict[Precision, float] = {"float32": 0.0, "float16": 0.1, "int8-weights": 0.25}
# Limit with a dataset: points of AP (of 100) that may be lost.
AP_LOSS: dict[Precision, float] = {"float32": 0.1, "float16": 0.3, "int8": 1.0, "int8-weights": 1.0}


def compare(original: Model, artefact: Model, images: list[np.ndarray], shown: str) -> Check:
    """Run both models on the same images, one at a time, at the low confidence of scoring.

    The confidence is lowered further if the original detects nothing with it.

    Args:
        original: the model in TensorFlow.
        artefact: its export.
        images: [H, W, 3], of sizes that the export takes.
        shown: what the images are, for the report.
    Returns:
        The differences, without AP. The times are for the first image.
    """
    confidence = _confidence(original, images)
    differences = [
        _differences(*(_found(model, image, confidence) for model in (original, artefact))) for image in images
    ]
    detections, unmatched, boxes, scores = zip(*differences, strict=True)
    seconds, seconds_of_original = _seconds(artefact, original, images[0])
    return Check(
        images=len(images),
        shown=shown,
        detections=sum(detections),
        unmatched=sum(unmatched),
        box_difference=max(boxes),
        score_difference=max(scores),
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
    if check.AP is not None and check.AP_of_original is not None:
        most = AP_LOSS[precision] if max_ap_loss is None else max_ap_loss
        lost = 100 * (check.AP_of_original - check.AP)
        return "" if lost <= most else f"it loses {lost:.2f} points of AP, more than {most:g}"
    if check.score_difference > SCORE_TOLERANCE[precision]:
        return f"scores differ by up to {check.score_difference:.2g}, more than {SCORE_TOLERANCE[precision]:g}"
    if check.unmatched > UNMATCHED[precision] * check.detections:
        return f"{check.unmatched} of {check.detections} detections are on one side only"
    return ""


def _confidence(original: Model, images: list[np.ndarray]) -> float:
    """Return the confidence of scoring, or one at which the original detects something on every image."""
    least = original.backend.confidence
    if any((original.detect(image[None], least).labels >= 0).any() for image in images):
        return least
    scores = [original.detect(image[None], 0.0).scores[0] for image in images]
    return 0.99 * float(min(np.median(found) for found in scores))


def _found(model: Model, image: np.ndarray, confidence: float) -> tuple[Detections, float]:
    """Return the detections of one image without padding, and the score below which the list may be cut off."""
    boxes, scores, labels = (part[0] for part in model.detect(image[None], confidence))
    real = labels >= 0
    full = real.all() and len(scores) > 0
    return Detections(boxes[real], scores[real], labels[real]), float(scores[-1]) if full else confidence


def _differences(ours: tuple[Detections, float], theirs: tuple[Detections, float]) -> tuple[int, int, float, float]:
    """Return the number of detections, how many one side alone has, and the largest differences of boxes and scores."""
    (ours_found, our_end), (their_found, their_end) = ours, theirs
    overlap = np.asarray(iou(ours_found.boxes, their_found.boxes))
    overlap = np.where(ours_found.labels[:, None] == their_found.labels, overlap, 0)
    rows, columns = np.nonzero((overlap >= SAME) & _is_best(overlap))
    # Near the end of its list one side may have kept what the other dropped.
    end = max(our_end, their_end) * 1.05
    alone = (
        np.delete(np.asarray(ours_found.scores), rows) > end,
        np.delete(np.asarray(their_found.scores), columns) > end,
    )
    boxes = np.abs(ours_found.boxes[rows] - their_found.boxes[columns])
    scores = np.abs(ours_found.scores[rows] - their_found.scores[columns])
    return (
        len(ours_found.scores),
        int(sum(part.sum() for part in alone)),
        float(boxes.max(initial=0)),
        float(scores.max(initial=0)),
    )


def _is_best(overlap: np.ndarray) -> np.ndarray:
    """Return which pairs are each other's best."""
    if not overlap.size:
        return np.zeros(overlap.shape, bool)
    return (overlap == overlap.max(axis=1, keepdims=True)) & (overlap == overlap.max(axis=0, keepdims=True))


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
