"""Whether an artefact finds what its original finds, each run as its users will run it."""

import time
from collections.abc import Callable

import numpy as np

from detect.artefacts.export_card import Check, Precision
from detect.inference.predictor import Model
from detect.ops.boxes import iou
from detect.structures import Detections

SAME = 0.9  # boxes of one class that overlap by this are the same detection
ROUNDS = 15  # of each, by turns, for the time of an image
# Where there is no data to score, which int8 must have: how far scores of the same detection may be apart, and which
# share of detections may have no partner.
SCORE_TOLERANCE: dict[Precision, float] = {"float32": 1e-3, "float16": 0.05, "int8-weights": 0.1}
UNMATCHED: dict[Precision, float] = {"float32": 0.0, "float16": 0.1, "int8-weights": 0.25}
# With data: the most AP that may be lost, in points of 100.
AP_LOSS: dict[Precision, float] = {"float32": 0.1, "float16": 0.3, "int8": 1.0, "int8-weights": 1.0}


def compare(original: Model, artefact: Model, images: list[np.ndarray], shown: str) -> Check:
    """Both on the same images [H, W, 3], one by one, at the low confidence of scoring, or lower if nothing has that.

    The time is that of the first image.
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
    """Why the artefact must not be delivered; empty where it may be."""
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
    """That of scoring; where the original has nothing for it, one for which it has something on every image."""
    least = original.backend.confidence
    if any((original.detect(image[None], least).labels >= 0).any() for image in images):
        return least
    scores = [original.detect(image[None], 0.0).scores[0] for image in images]
    return 0.99 * float(min(np.median(found) for found in scores))


def _found(model: Model, image: np.ndarray, confidence: float) -> tuple[Detections, float]:
    """The detections of one image without padding, and the score below which the list may be cut off."""
    boxes, scores, labels = (part[0] for part in model.detect(image[None], confidence))
    real = labels >= 0
    full = real.all() and len(scores) > 0
    return Detections(boxes[real], scores[real], labels[real]), float(scores[-1]) if full else confidence


def _differences(ours: tuple[Detections, float], theirs: tuple[Detections, float]) -> tuple[int, int, float, float]:
    """How many detections there are, and are on one side only, and the largest differences of boxes and scores."""
    (ours_found, our_end), (their_found, their_end) = ours, theirs
    overlap = np.asarray(iou(ours_found.boxes, their_found.boxes))
    overlap = np.where(ours_found.labels[:, None] == their_found.labels, overlap, 0)
    rows, columns = np.nonzero((overlap >= SAME) & _is_best(overlap))
    # Near the end of a list one side may have kept what the other did not.
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
    """Pairs that are each other's best."""
    if not overlap.size:
        return np.zeros(overlap.shape, bool)
    return (overlap == overlap.max(axis=1, keepdims=True)) & (overlap == overlap.max(axis=0, keepdims=True))


def _seconds(artefact: Model, original: Model, image: np.ndarray) -> tuple[float, float]:
    """Medians for one image, by turns."""
    runs: list[Callable[[], Detections]] = [lambda: artefact.detect(image[None]), lambda: original.detect(image[None])]
    times: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(time.perf_counter() - start)
    return float(np.median(times[0])), float(np.median(times[1]))
