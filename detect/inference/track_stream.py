"""From the results of a video's frames to results with identities."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from itertools import groupby

import numpy as np

from detect.inference.result import Result
from detect.tracking.identities import UNKNOWN, Identities
from detect.tracking.methods import Method

IMAGE_RATE = 30.0  # images per second, where they are the frames of a video


def tracked(
    results: Generator[Result, None, None], method: Method, least_scores: np.ndarray
) -> Generator[Result, None, None]:
    """Yield each result with the objects that have an identity, and no others. Identities of a video begin with 1.

    Args:
        results: of all frames, in order; weak detections too, as the method needs them. Images that follow each other
            are the frames of one video.
        method: how objects are found again.
        least_scores: float [K], score of a detection of each class from which on it begins an identity.
    """
    with closing(results):
        for _, of_video in groupby(results, key=lambda result: result.frame.video and result.frame.source):
            identities: Identities | None = None
            for number, result in enumerate(of_video):
                identities = identities or Identities(method, least_scores, _rate(result))
                time = number / IMAGE_RATE if result.timestamp is None else result.timestamp
                ids = identities.update(result.boxes, result.scores, result.labels, time, result.image)
                yield replace(result, ids=ids)[ids != UNKNOWN]


def ids_of(result: Result) -> np.ndarray:
    """Return the identities of a result that has some, int64 [n]."""
    assert result.ids is not None
    return result.ids


def _rate(result: Result) -> float:
    return IMAGE_RATE if result.frame.video is None else float(result.frame.video.rate)
