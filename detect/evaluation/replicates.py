"""AP of draws of the images, for what follows from the AP of several models on the same images: a line, a difference.

All models are scored on the same draws, so that what they have in common in difficult images cancels out. The standard
error of whatever follows from AP is the standard deviation of its values over the draws (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993, algorithm 6.1).
"""

import itertools
from collections.abc import Sequence

import numpy as np

from detect.evaluation.coco_scores import match
from detect.evaluation.detections import Found
from detect.evaluation.intervals import draws
from detect.evaluation.matching_by_image import Matched, average_precisions, mean_of_defined
from detect.evaluation.truth import Truth

DRAWS = 200  # enough for a standard error, see section 6.4 there


def replicates(truth: Truth, found: Found) -> np.ndarray:
    """Return AP over all images and over each draw of as many of them, float64 [1 + DRAWS, 1 + K].

    The first column is the mean over the classes, the others are the classes; NaN where there are no boxes of a class.
    """
    return replicates_of(match(truth, found), len(truth.image_ids))


def replicates_of(matched: Sequence[Matched], images: int) -> np.ndarray:
    """Return the same as `replicates` from detections that were compared already; `images` is the number of images."""
    parts = itertools.chain([np.ones([1, images], np.int64)], draws(images, matched, DRAWS))
    rows = [np.stack([average_precisions(each, part).mean(axis=1) for each in matched]) for part in parts]
    classes = np.concatenate(rows, axis=1)  # [K, 1 + DRAWS]
    return np.stack([mean_of_defined(classes), *classes], axis=1)


def standard_error(values: np.ndarray) -> np.ndarray:
    """Return the standard error of what was computed from `replicates` row by row, [1 + DRAWS, ...]: an array [...].

    Draws in which it is not defined are left out; NaN where it is in fewer than two.
    """
    drawn = values[1:]
    count = np.isfinite(drawn).sum(axis=0)
    squares = np.square(drawn - mean_of_defined(drawn))
    return np.sqrt(np.nansum(squares, axis=0) / np.where(count > 1, count - 1, np.nan))
