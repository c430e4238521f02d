"""AP of the boxes with a property within a range, such as their size at the model's input, or where they are.

They are scored as COCO scores small, medium and large objects: true boxes outside of the range are ignored, and so are
detections outside of it that match none within. In place of the area stands the property.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from detect.evaluation.coco_scores import Compared, evaluation_with_areas
from detect.evaluation.truth import positions_of


class Property(NamedTuple):
    """A property of boxes, and the ranges of it that are scored."""

    name: str
    of_truth: np.ndarray  # float64 [M]
    of_found: np.ndarray  # float64 [n]
    edges: tuple[float, ...]  # where a range ends and the next one begins, ascending
    names: tuple[str, ...]  # of the ranges, one more than the edges


class RangeScores(NamedTuple):
    """Scores of the boxes in a range, 0..1; NaN where there are none."""

    name: str
    boxes: int
    AP: float
    AP50: float
    AR: float


SIZES = (8, 16, 32, 64, 128, 256)  # pixels
MANY = (2, 5, 10, 20)  # boxes in an image
LONG = (1 / 3, 2 / 3, 3 / 2, 3)  # width / height
OUTSIDE = (1 / 3, 2 / 3)  # of the way from the centre of the image to its border


def properties(compared: Compared, sizes: np.ndarray, scales: np.ndarray) -> list[Property]:
    """Return the properties of boxes that are worth a look.

    Args:
        compared: the boxes and the detections.
        sizes: width and height of each image, float [I, 2]; NaN where they are not known.
        scales: by which each image is resized for the model, [I].
    """
    truth, found = compared
    places = positions_of(found.image_ids, truth.image_ids)
    true, detected = (truth.boxes, truth.images), (found.boxes, places)
    counts = np.bincount(truth.images[~truth.crowd], minlength=len(truth.image_ids)).astype(np.float64)
    all_properties = [
        Property(
            "size at the model's input", _side(*true, scales), _side(*detected, scales), SIZES, _between(SIZES, " px")
        ),
        Property("objects in the image", counts[truth.images], counts[places], MANY, ("1", *_whole(MANY))),
        Property("width / height", _aspect(truth.boxes), _aspect(found.boxes), LONG, _ASPECTS),
        Property("position in the image", _distance(*true, sizes), _distance(*detected, sizes), OUTSIDE, _POSITIONS),
    ]
    return [each for each in all_properties if np.isfinite(each.of_truth).all()]


_ASPECTS = ("under 1:3", "1:3 to 2:3", "about square", "3:2 to 3:1", "over 3:1")
_POSITIONS = ("centre", "between", "near the border")


def by_range(compared: Compared, measured: Property) -> list[RangeScores]:
    """Return the scores of each range of a property that has boxes."""
    bounds = [-1.0, *measured.edges, np.inf]
    evaluation = evaluation_with_areas(compared, measured.of_truth, measured.of_found)
    counted = measured.of_truth[~compared.truth.crowd]
    numbers = np.histogram(counted, bounds)[0].tolist()
    # COCO counts both ends of a range. A value on an edge belongs to the range above.
    evaluation.params.area_rng = [[low, min(float(np.nextafter(high, -1)), 1e10)] for low, high in pairwise(bounds)]
    evaluation.params.area_rng_lbl = list(measured.names)
    evaluation.params.max_dets = [100]
    evaluation.evaluate()
    evaluation.accumulate()
    scores: dict[str, np.ndarray] = evaluation.eval  # type: ignore[assignment]
    precision, recall = scores["precision"], scores["recall"]  # [T, R, K, A, 1], [T, K, A, 1]
    return [
        RangeScores(
            name,
            number,
            _mean(precision[:, :, :, column]),
            _mean(precision[0, :, :, column]),
            _mean(recall[:, :, column]),
        )
        for column, (name, number) in enumerate(zip(measured.names, numbers, strict=True))
        if number
    ]


def _side(boxes: np.ndarray, images: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return the square root of the area of each box on the images that the model takes, pixels."""
    return np.sqrt(boxes[:, 2] * boxes[:, 3]) * scales[images]


def _aspect(boxes: np.ndarray) -> np.ndarray:
    return boxes[:, 2] / np.maximum(boxes[:, 3], 1e-9)


def _distance(boxes: np.ndarray, images: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Return how far the centre of each box is from that of its image: 0 there, 1 at the border."""
    centres = boxes[:, :2] + boxes[:, 2:] / 2
    return np.abs(2 * centres / sizes[images] - 1).max(axis=1)


def _between(edges: Sequence[float], unit: str) -> tuple[str, ...]:
    inner = (f"{low:g} to {high:g}{unit}" for low, high in pairwise(edges))
    return (f"under {edges[0]:g}{unit}", *inner, f"from {edges[-1]:g}{unit}")


def _whole(edges: Sequence[int]) -> tuple[str, ...]:
    inner = (f"{low} to {high - 1}" for low, high in pairwise(edges))
    return (*inner, f"{edges[-1]} and more")


def _mean(values: np.ndarray) -> float:
    measured = values[values > -1]
    return float(measured.mean()) if measured.size else float("nan")
