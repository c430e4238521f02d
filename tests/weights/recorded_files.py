"""Pictures in files, and what other projects' code found in them, beside what ours finds."""

from pathlib import Path

import numpy as np

from detect.inference.predictor import Model

SIZES = ("80x110", "187x150")  # of the pictures, height by width: at 128 pixels one grows and the other shrinks
PIXELS, SCORE = 0.1, 1e-3  # largest differences of boxes and scores


def assert_same_detections(model: Model, path: Path, expected: np.ndarray) -> None:
    """Each of theirs is one of ours and the other way round, unless it is nearly the worst.

    `expected` [n, 6] has the score, the label and the box of their best detections. Boxes are in pixels of the file,
    and go beyond its picture.
    """
    scores, labels = expected[:, 0], expected[:, 1]
    (found,) = model.predict(path, confidence=float(scores.min()))
    boxes = np.clip(expected[:, 2:], 0, [found.width, found.height] * 2)
    distances = np.abs(boxes[:, None] - found.boxes).max(axis=-1) / PIXELS  # [theirs, ours]
    distances = np.maximum(distances, np.abs(scores[:, None] - found.scores) / SCORE)
    distances[labels[:, None] != found.labels] = np.inf
    clear = scores.min() + 2 * SCORE
    assert (scores > clear).sum() > 40
    assert distances.min(axis=1)[scores > clear].max() < 1
    assert distances.min(axis=0)[found.scores > clear].max() < 1
