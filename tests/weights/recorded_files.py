"""Comparison of our detections in image files with recorded detections of other projects."""

from pathlib import Path

import numpy as np

from detect.inference.predictor import Model

SIZES = ("80x110", "187x150")  # height x width of the images: at 128 pixels one is enlarged, the other reduced
PIXELS, SCORE = 0.1, 1e-3  # largest differences of boxes and scores


def assert_same_detections(model: Model, path: Path, expected: np.ndarray) -> None:
    """Assert that each of their detections is one of ours and the other way round, except near the least score.

    `expected` [n, 6] has the score, the label and the box of their best detections. Boxes are in pixels of the file and
    may exceed its image.
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
