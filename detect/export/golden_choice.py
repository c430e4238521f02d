"""Choose the images and thresholds of `golden.npz`, so that its outputs are the same on every correct machine.

Another processor adds in another order, and what the last digits of two scores decide may be decided the other way:
which of two boxes suppresses the other, or whether one is above the threshold. So the original, in TensorFlow, is run
on the images too. Of those on which the export scores highest, the one is kept on which both agree best; and the
threshold lies in a wide gap between scores.
"""

from typing import NamedTuple

import numpy as np

from detect.artefacts.format import Canvas, Precision
from detect.artefacts.golden_vectors import GoldenCall, images_of_cells
from detect.export.check import detecting_confidence
from detect.export.golden_check import outputs_of
from detect.export.pairing import largest_differences, rows_of, same_objects
from detect.export.replay import PIXELS, SCORE
from detect.inference.predictor import Model
from detect.structures import Detections

CELL = 4  # pixels: with 8, the published weights of YOLOX-Nano find next to nothing in such images
COLOURS, PADDING = 32, 31  # of an image; the last of them is that of the padding
DRAWN, COMPARED = 8, 3  # images of each kind: those that the export is run on, and of these, the original
PADDED = 0.75  # share of the rows of the canvas that an image of the second kind covers
EXACT: tuple[Precision, ...] = ("float32", "float16", "int8-weights")  # precisions that are computed in float32
FEWEST, MOST = 10, 40  # detections that the threshold leaves in these precisions, where there are so many
HIGHEST = 0.95  # share of the best score that the threshold may be
SHARE = 0.02  # of the best score that scores may differ by, where that is less than `SCORE`
# In other precisions, values are rounded between operations, and another processor rounds some of them the other way.
# Its outputs are as far from those without rounding as ours are, so by the triangle inequality up to twice as far from
# ours; and twice again, because a few detections do not show the largest difference there is. Measured with YOLOX-Nano
# in int8 on other kernels (LiteRT without XNNPACK, OpenVINO with AVX2 in place of VNNI, ONNX Runtime without fusion)
# and in bfloat16 computed in float32: up to three times as far from ours.
ROUNDED = 4.0
STRONG, WEAK = 0.5, 0.25  # shares of the best score: of detections that are compared, and of those that are not
LEAST_PIXELS, LEAST_SCORE = 2.0, 0.1  # tolerances that are always granted; that of scores is a share of the best score
MOST_SCORE = 0.4  # share of the best score that is never exceeded: the best detection has to be found


class Drawn(NamedTuple):
    """An image that may be kept, and what was found in it, without padding."""

    cells: np.ndarray  # uint8 [rows, columns]
    colours: np.ndarray  # uint8 [COLOURS, 3]
    extent: tuple[int, int]  # rows and columns of pixels that are not padding
    found: Detections  # by the export
    expected: Detections  # by the original


def golden_calls(exported: Model, original: Model, precision: Precision) -> dict[Canvas, GoldenCall]:
    """Return the content of `golden.npz`: for each canvas a call with two images, of which the second has padding.

    Args:
        exported: the export.
        original: the model that it was made of, in TensorFlow.
        precision: of the export.
    """
    return {canvas: _call(exported, original, precision, canvas) for canvas in exported.backend.canvases}


def _call(exported: Model, original: Model, precision: Precision, canvas: Canvas) -> GoldenCall:
    kept = [_most_alike(exported, original, canvas, share) for share in (1.0, PADDED)]
    scores = np.sort(np.concatenate([each.found.scores for each in kept]).astype(np.float64))[::-1]
    exact = precision in EXACT
    confidence = _in_a_gap(scores, *((FEWEST, MOST) if exact else _strong(scores)))
    best = float(scores.max(initial=0))
    boxes, score = (PIXELS, min(SCORE, SHARE * best)) if exact else _tolerances(kept, confidence, best)
    call = GoldenCall(
        cells=np.stack([each.cells for each in kept]),
        colours=np.stack([each.colours for each in kept]),
        cell=np.array(CELL, np.int32),
        extents=np.array([each.extent for each in kept], np.float32),
        confidence=np.array(confidence, np.float32),
        iou=np.array(exported.backend.iou, np.float32),
        boxes=np.zeros((2, 0, 4), np.float32),
        scores=np.zeros((2, 0), np.float32),
        labels=np.zeros((2, 0), np.int32),
        box_tolerance=np.array(boxes, np.float32),
        score_tolerance=np.array(score, np.float32),
    )
    return call._replace(**outputs_of(exported, canvas, call)._asdict())


def _most_alike(exported: Model, original: Model, canvas: Canvas, share: float) -> Drawn:
    """Return the image on which both models agree best, of several that cover this share of the rows of the canvas."""
    rng = np.random.default_rng(0)
    height, width = (-(-side // CELL) for side in canvas)
    rows = int(share * height)
    extent = min(rows * CELL, canvas[0]), canvas[1]
    drawn = [shapes(rng, height, width) for _ in range(DRAWN)]
    for cells, colours in drawn:
        cells[rows:], colours[PADDING] = PADDING, np.round(exported.card.fit.padding)
    dtype = exported.placement(1, 1).dtype
    images = [images_of_cells(cells[None], colours[None], CELL, canvas)[0].astype(dtype) for cells, colours in drawn]
    confidence = detecting_confidence(exported, images)
    found = [_found(exported, image, extent, confidence) for image in images]
    best = sorted(range(DRAWN), key=lambda place: -found[place].scores.max(initial=0))[:COMPARED]
    runs = [
        Drawn(*drawn[place], extent, found[place], _found(original, images[place], extent, confidence))
        for place in best
    ]
    return min(runs, key=_unlike)


def shapes(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image of ellipses and rectangles of random colours on another: cells [height, width], colours [., 3].

    Trained detectors find something in such images, other than in noise.
    """
    cells, (y, x) = np.zeros((height, width), np.uint8), np.mgrid[:height, :width]
    for colour in range(1, rng.integers(3, 16)):
        middle = rng.uniform(0, 1, 2) * (height, width)
        radii = rng.uniform(0.05, 0.35, 2) * min(height, width)
        dy, dx = (y - middle[0]) / radii[0], (x - middle[1]) / radii[1]
        inside = np.hypot(dy, dx) < 1 if rng.random() < 0.5 else np.maximum(abs(dy), abs(dx)) < 1
        cells[inside] = colour
    return cells, rng.integers(0, 256, (COLOURS, 3)).astype(np.uint8)


def _found(model: Model, image: np.ndarray, extent: tuple[int, int], confidence: float) -> Detections:
    extents = np.array([extent], np.float32)
    found = Detections(*(part[0] for part in model.detect(image[None], confidence, extents=extents)))
    return rows_of(found, found.labels >= 0)


def _unlike(drawn: Drawn) -> tuple[int, float]:
    """Return how many strong detections only one model has, and how far the others are apart in boxes and scores."""
    rows, columns = same_objects(drawn.found, drawn.expected)
    least = STRONG * drawn.found.scores.max(initial=0)
    alone = np.delete(drawn.found.scores, rows), np.delete(drawn.expected.scores, columns)
    strong = drawn.found.scores[rows] >= least
    boxes, scores = largest_differences(rows_of(drawn.found, rows[strong]), rows_of(drawn.expected, columns[strong]))
    apart = boxes.max(initial=0) / max(drawn.extent) + scores.max(initial=0)
    return sum(int((each >= least).sum()) for each in alone), float(apart)


def _strong(scores: np.ndarray) -> tuple[int, int]:
    """Return how many of the scores are strong, and how many are not weak."""
    best = scores.max(initial=0)
    return int((scores >= STRONG * best).sum()), int((scores >= WEAK * best).sum())


def _in_a_gap(scores: np.ndarray, fewest: int, most: int) -> float:
    """Return the middle of the widest gap, relative to its upper end, behind the best `fewest` to `most` scores.

    It is less than `HIGHEST` of the best, so that something is found where all scores are nearly the same.

    Args:
        scores: the best first.
        fewest: of them to be above.
        most: of them to be above; if there are no more, a tenth less than the last of them may be in the middle.
    """
    if not len(scores):
        return SCORE
    best = np.append(scores, 0.8 * scores[-1])[: most + 1]
    gaps = 1 - best[1:] / best[:-1]
    start = min(fewest, len(gaps)) - 1
    place = start + int(gaps[start:].argmax())
    return float(min(best[place : place + 2].mean(), HIGHEST * best[0]))


def _tolerances(kept: list[Drawn], confidence: float, best: float) -> tuple[float, float]:
    """Return by how much boxes, pixels, and scores may differ where values are rounded between operations."""
    boxes, scores = LEAST_PIXELS, LEAST_SCORE * best
    for each in kept:
        rows, columns = same_objects(each.found, each.expected)
        shown = each.found.scores[rows] > confidence
        compared = rows_of(each.found, rows[shown]), rows_of(each.expected, columns[shown])
        of_boxes, of_scores = largest_differences(*compared)
        boxes = max(boxes, ROUNDED * float(of_boxes.max(initial=0)))
        scores = max(scores, ROUNDED * float(of_scores.max(initial=0)))
    return boxes, min(scores, MOST_SCORE * best)
